/* SPDX-License-Identifier: Apache-2.0 */
/* An update as it is transported: one sector of facts with their signature, then the image of a slot. Made by config/tool/bundle.py.
 * Whoever brings it is not trusted. */
#ifndef UPDATE_BUNDLE_H
#define UPDATE_BUNDLE_H

#include "digest.h"

#define SECTOR 512u
#define BUNDLE_MAGIC "BHBUNDLE"
#define BUNDLE_FORMAT 1u
#define BUNDLE_NAME 32u
#define BUNDLE_VERSION_MAX 999999999u

struct bundle {
    char magic[8];
    uint32_t format;
    uint32_t version;
    uint64_t size;             /* bytes of the image behind this sector, whole sectors */
    char product[BUNDLE_NAME]; /* ends with a zero; zeros behind it */
    char board[BUNDLE_NAME];
    uint8_t digest[DIGEST_BYTES]; /* SHA-256 of the image */
    uint8_t zero[328];
    uint8_t signature[SIGNATURE_BYTES]; /* Ed25519, of all before it */
};
_Static_assert(sizeof(struct bundle) == SECTOR, "one sector");
_Static_assert(offsetof(struct bundle, signature) == SECTOR - SIGNATURE_BYTES, "at its end");

/* What the running product knows, made when it was built: the file update.trust of the partition that owns the disk. */
struct update_trust {
    uint8_t key[KEY_BYTES];
    char product[BUNDLE_NAME], board[BUNDLE_NAME];
    uint32_t version;         /* of what runs */
    uint32_t oldest;          /* once this version is confirmed, the box takes none older than that one */
    uint32_t confirm_seconds; /* so long all must be well until it is confirmed */
    uint32_t give_up_seconds; /* if it is not confirmed by then, the box starts again; 0: never */
    uint32_t restarts;        /* not 0: at once when an update stands in its slot */
    char staging[16];         /* slice that bundles come in; empty: none */
};
_Static_assert(sizeof(struct update_trust) == 132, "as config/tool/trust.py writes it");

/* May this box take it? 0, or why not. `u_bundle`: copied, it does not change meanwhile. */
const char *bundle_check(const struct bundle *u_bundle, const struct update_trust *trust);

#endif
