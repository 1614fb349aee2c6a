// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What the registry does not do, as far as reading tells.
#include "lint/rules.h"

namespace refract::lint {

void check_registry_referrers(const facts& about, report& to) {
    if (!about.registry || about.registry->referrers_api != resolve::tristate::no) return;
    to.whole("the registry has no referrers API: what other tools attach by subject is only found by its tag");
}

void check_registry_etags(const facts& about, report& to) {
    if (!about.registry || about.registry->etags != resolve::tristate::no) return;
    to.whole("the registry gives manifests no ETag: of two who attach at the same time, one may undo the other's work");
}

void check_registry_nesting(const facts& about, report& to) {
    if (!about.registry || about.registry->nested_indexes != resolve::tristate::no) return;
    to.whole(
        "the registry does not hand out an index inside this index: copy the image with its nested indexes, or "
        "write it flat");
}

}  // namespace refract::lint
