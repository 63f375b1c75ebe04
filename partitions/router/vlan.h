/* SPDX-License-Identifier: Apache-2.0 */
/* 802.1Q tags of frames outside. With a VLAN every frame that leaves has its tag, and one that comes without it, or with another, is not ours;
 * without one no tagged frame is. Pure. */
#ifndef ROUTER_VLAN_H
#define ROUTER_VLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VLAN_NONE 0u
#define VLAN_MAX 4094u
#define VLAN_TAG 4u
#define ETHERNET 14u

/* How many bytes, 0 or VLAN_TAG, the frame is too long at its front once its addresses have been moved there. False: not for us. */
bool vlan_take(uint16_t vlan, uint8_t *frame, size_t size, unsigned *front);
/* The frame's first ETHERNET + VLAN_TAG bytes with the tag, from its first ETHERNET bytes. */
void vlan_head(uint16_t vlan, uint8_t out[ETHERNET + VLAN_TAG], const uint8_t frame[ETHERNET]);

#endif
