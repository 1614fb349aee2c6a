// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/containerd/errdefs"

	refract "github.com/refract-oci/refract/plugin/transfer"
)

// share makes containerd's transfer service once more, of what its plugin made it of: but its pulls share as refract has it. The plugin lets
// nobody choose the store or the locks, nor tells what it read from its configuration; so that is read from what it made.
func share(made transfer.Transferrer, sharing *refract.Sharing) (transfer.Transferrer, error) {
	config, err := hidden[local.TransferConfig](made, "config")
	if err != nil {
		return nil, err
	}
	store, err := hidden[images.Store](made, "images")
	if err != nil {
		return nil, err
	}
	config.DuplicationSuppressor = sharing
	return local.NewTransferService(sharing.Store(), store, config), nil
}

// hidden reads a field that only its own package can name.
func hidden[T any](of any, name string) (T, error) {
	var none T
	at := reflect.ValueOf(of)
	if at.Kind() == reflect.Pointer && at.Elem().Kind() == reflect.Struct {
		if one := at.Elem().FieldByName(name); one.IsValid() && one.Type() == reflect.TypeFor[T]() {
			return *(*T)(unsafe.Pointer(one.UnsafeAddr())), nil
		}
	}
	return none, fmt.Errorf("containerd's transfer plugin made a %T without the field %q of type %s, this build is of another containerd than refract knows: %w",
		of, name, reflect.TypeFor[T](), errdefs.ErrInternal)
}
