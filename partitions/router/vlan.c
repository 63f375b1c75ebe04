/* SPDX-License-Identifier: Apache-2.0 */
/* Tags in and out. Priority bits are ignored and sent as 0; tag 0, priority alone, counts as none. */
#include "vlan.h"

#include <string.h>

#define ADDRESSES 12u
#define TYPE_VLAN 0x8100u
#define TYPE_STACKED 0x88a8u

static unsigned type_of(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

bool vlan_take(uint16_t vlan, uint8_t *frame, size_t size, unsigned *front)
{
    uint8_t addresses[ADDRESSES];

    *front = 0;
    if (size < ETHERNET || type_of(frame + ADDRESSES) == TYPE_STACKED)
        return false;
    if (type_of(frame + ADDRESSES) != TYPE_VLAN)
        return vlan == VLAN_NONE;
    if (size < ETHERNET + VLAN_TAG || (type_of(frame + ETHERNET) & 0xfff) != vlan)
        return false;
    if (type_of(frame + ETHERNET + 2) == TYPE_VLAN || type_of(frame + ETHERNET + 2) == TYPE_STACKED)
        return false; /* a tag inside a tag */
    memcpy(addresses, frame, ADDRESSES);
    memcpy(frame + VLAN_TAG, addresses, ADDRESSES);
    *front = VLAN_TAG;
    return true;
}

void vlan_head(uint16_t vlan, uint8_t out[ETHERNET + VLAN_TAG], const uint8_t frame[ETHERNET])
{
    memcpy(out, frame, ADDRESSES);
    out[12] = TYPE_VLAN >> 8;
    out[13] = TYPE_VLAN & 0xff;
    out[14] = (uint8_t)(vlan >> 8);
    out[15] = (uint8_t)vlan;
    memcpy(out + 16, frame + ADDRESSES, 2);
}
