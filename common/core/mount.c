/* mount.c - see mount.h. */
#include "core/mount.h"

#include "core/server.h"

#include <string.h>

const struct mount *mount_find(const struct server *server, struct text path)
{
    const struct mount *mount = server->mounts;
    for (size_t i = 0; i < server->mount_count; i++, mount++) {
        size_t length = mount->prefix_length;
        if (path.length + 1 == length)
            length--;
        if (path.length >= length &&
            memcmp(path.data, mount->prefix, length) == 0)
            return mount;
    }
    return NULL;
}

const char *mount_beneath(const struct mount *mount, struct text path)
{
    return path.length < mount->prefix_length
               ? "/"
               : path.data + mount->prefix_length - 1;
}
