"""What lets C keepalived's checkers run where the kernel has no IPVS: a library, loaded before its own, that plays it.

Every command to IPVS succeeds, and it holds nothing.
"""

import subprocess
from pathlib import Path

from tests.daemon.daemon import C

_TEXT = r"""
#define _GNU_SOURCE
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int of_ipvs(int level, int name) {
    return level == IPPROTO_IP && name >= IP_VS_BASE_CTL && name < IP_VS_BASE_CTL + 64;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    return of_ipvs(level, name) ? 0 : syscall(SYS_setsockopt, fd, level, name, value, length);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    if (!of_ipvs(level, name))
        return syscall(SYS_getsockopt, fd, level, name, value, length);
    memset(value, 0, *length);
    if (name == IP_VS_SO_GET_INFO)
        ((struct ip_vs_getinfo *)value)->version = 0x010201;
    return 0;
}
"""


def c_with_checkers(home: Path) -> tuple[str, ...]:
    """Return the command of a C keepalived that believes in IPVS; what it needs is compiled into `home` by gcc."""
    library = home / "pretence.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-xc", "-", "-o", library], input=_TEXT.encode(), check=True)
    return ("env", f"LD_PRELOAD={library}", *C)
