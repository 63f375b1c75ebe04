/* SPDX-License-Identifier: Apache-2.0 */
/* Is a bundle for this box? Nothing of it is looked at before its signature, but what says that it is one. */
#include "bundle.h"

#include <string.h>

const char *bundle_check(const struct bundle *u_bundle, const struct update_trust *trust)
{
    if (memcmp(u_bundle->magic, BUNDLE_MAGIC, sizeof(u_bundle->magic)) != 0)
        return "this is no bundle";
    if (!signature_good(u_bundle->signature, u_bundle, offsetof(struct bundle, signature), trust->key))
        return "the signature is not by this product's update key";
    if (u_bundle->format != BUNDLE_FORMAT)
        return "the bundle has a form that this version does not know";
    if (memcmp(u_bundle->product, trust->product, BUNDLE_NAME) != 0)
        return "the bundle is for another product";
    if (memcmp(u_bundle->board, trust->board, BUNDLE_NAME) != 0)
        return "the bundle is for another board";
    if (u_bundle->version == trust->version)
        return "this version runs already";
    if (u_bundle->version < trust->version)
        return "the bundle is older than what runs";
    if (u_bundle->version > BUNDLE_VERSION_MAX || u_bundle->size == 0 || u_bundle->size % SECTOR != 0)
        return "the bundle's facts make no sense";
    return 0;
}
