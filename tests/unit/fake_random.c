/* SPDX-License-Identifier: Apache-2.0 */
/* libsodium's makers of keys and signatures, which only tests link, name a source of chance; none is asked for any. */
#include <stddef.h>
#include <stdlib.h>

void randombytes_buf(void *bytes, size_t count);

void randombytes_buf(void *bytes, size_t count)
{
    (void)bytes, (void)count;
    abort();
}
