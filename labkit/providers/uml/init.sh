#!/bin/sh
# The first process of a guest. Kernel arguments NAME=VALUE arrive as environment: LABKIT_SHARE, a folder of the host that
# holds `job` (what to run) and takes `output` and `status`; LABKIT_MODULES, the kernel modules to load.
# The root is the host's, read-only; an overlay in memory takes what is written. Every fork costs 40 ms here.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/lib/modules /mnt/upper /mnt/work /mnt/root
ln -s "/usr/lib/uml/modules/$(uname -r)" /mnt/lib/modules/ # Debian keeps them outside /lib/modules
modprobe -d /mnt -a overlay $(echo "$LABKIT_MODULES" | tr , ' ')
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
mount -t proc proc /mnt/root/proc
mount -t sysfs sysfs /mnt/root/sys
mount -t tmpfs tmpfs /mnt/root/run
mount -t devpts -o ptmxmode=0666 devpts /mnt/root/dev/pts
mount -t tmpfs tmpfs /mnt/root/dev/shm
mount -t tmpfs tmpfs /mnt/root/tmp
mkdir -p /mnt/root/run/share
mount -t hostfs -o "$LABKIT_SHARE" none /mnt/root/run/share
ip link set lo up
chroot /mnt/root /bin/sh -c '. /run/share/job' >/mnt/root/run/share/output 2>&1 </dev/null
echo $? >/mnt/root/run/share/status # the exit status of the guest's own process says nothing
sync
poweroff -f
