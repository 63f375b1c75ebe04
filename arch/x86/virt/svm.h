/* SPDX-License-Identifier: Apache-2.0 */
/* What svm.c keeps per core. */
#ifndef BULKHEAD_SVM_H
#define BULKHEAD_SVM_H

#include "types.h"

struct vmcb;

struct svm {
    struct vmcb *guest; /* of the vcpu */
    struct vmcb *idle;  /* of the parking guest */
    struct vmcb *host;  /* what VMLOAD gives back to us: FS, GS, TR, LDTR, system call MSRs */
    void *save;         /* host state save area, the CPU's own: APM2 15.30.4 */
    uint64_t guest_hpa, idle_hpa, host_hpa;
};

#endif
