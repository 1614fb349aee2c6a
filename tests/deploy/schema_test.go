// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// expanded is a schema without references, as the validator wants it: whatever a part of it refers to is put in its place.
func expanded(t *testing.T, schema spec.Schema) spec.Schema {
	t.Helper()
	if schema.Ref.String() != "" {
		found, err := openapi.Resolve(&schema.Ref, openapi.Schema())
		if err != nil {
			t.Fatal(err)
		}
		return expanded(t, *found)
	}
	if schema.Format == "int-or-string" {
		// It is written down as a string.
		schema.Type = spec.StringOrArray{"integer", "string"}
		schema.Format = ""
	}
	properties := map[string]spec.Schema{}
	for name, property := range schema.Properties {
		properties[name] = expanded(t, property)
	}
	schema.Properties = properties
	if schema.Items != nil && schema.Items.Schema != nil {
		items := expanded(t, *schema.Items.Schema)
		schema.Items = &spec.SchemaOrArray{Schema: &items}
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		more := expanded(t, *schema.AdditionalProperties.Schema)
		schema.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: &more}
	}
	return schema
}

func problems(t *testing.T, kind kyaml.TypeMeta, object any) []error {
	t.Helper()
	found := openapi.SchemaForResourceType(kind)
	if found == nil {
		t.Fatalf("Kubernetes' OpenAPI has no %v", kind)
	}
	schema := expanded(t, *found.Schema)
	return validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(object).Errors
}

// Kubernetes' OpenAPI says, beside the types, which fields have to be there.
func TestManifestsAgainstOpenAPI(t *testing.T) {
	for _, folder := range []string{"base", "containerd", "cleanup"} {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(sources, "kubernetes", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range built.Resources() {
			object, err := resource.Map()
			if err != nil {
				t.Fatal(err)
			}
			kind := kyaml.TypeMeta{APIVersion: resource.GetApiVersion(), Kind: resource.GetKind()}
			if found := problems(t, kind, object); len(found) > 0 {
				t.Errorf("%s: %s: %v", folder, resource.CurId(), found)
			}
			if kind.Kind != "DaemonSet" {
				continue
			}
			delete(object["spec"].(map[string]any), "selector")
			if found := problems(t, kind, object); len(found) != 1 || !strings.Contains(found[0].Error(), "selector") {
				t.Errorf("without its selector: %v", found)
			}
		}
	}
}
