// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"

	"github.com/refract-oci/refract/plugin/policy"
)

// PluginType is the type of refract's own plugin.
const PluginType plugin.Type = "io.containerd.refract.v1"

const policyID = "policy"

// policyRegistration is a plugin that does nothing but read its configuration. It is a map, because containerd only warns of
// keys that a struct does not know, and a misspelt key must stop the start.
func policyRegistration() *plugin.Registration {
	config := policy.Default().Map()
	return &plugin.Registration{
		Type:   PluginType,
		ID:     policyID,
		Config: &config,
		InitFn: func(ic *plugin.InitContext) (any, error) {
			configured, ok := ic.Config.(*map[string]any)
			if !ok {
				return nil, fmt.Errorf("configuration of %s.%s is a %T: %w", PluginType, policyID, ic.Config, errdefs.ErrInternal)
			}
			decoded, err := policy.Decode(*configured)
			if err != nil {
				return nil, fmt.Errorf("[plugins.%q]: %w", string(PluginType)+"."+policyID, err)
			}
			return decoded, nil
		},
	}
}

// configuredPolicy is what the policy plugin read.
func configuredPolicy(ic *plugin.InitContext) (policy.Policy, error) {
	instance, err := ic.GetByID(PluginType, policyID)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("reference policy: %w", err)
	}
	configured, ok := instance.(policy.Policy)
	if !ok {
		return policy.Policy{}, fmt.Errorf("plugin %s.%s is a %T: %w", PluginType, policyID, instance, errdefs.ErrInternal)
	}
	return configured, nil
}
