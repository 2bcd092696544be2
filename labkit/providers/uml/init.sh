#!/bin/sh
# The first process of a guest. Kernel arguments NAME=VALUE arrive as environment: LABKIT_SHARE, a folder of the host that
# holds `job` (what to run) and takes `output` and `status`.
# The root is the host's, read-only; an overlay in memory takes what is written. Every fork costs 40 ms here.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/upper/usr/lib/modules /mnt/work
ln -s "/usr/lib/uml/modules/$(uname -r)" /mnt/upper/usr/lib/modules/ # Debian keeps them where modprobe does not look
printf '#!/bin/sh\nexec modprobe -d /mnt/upper/usr "$@"\n' >/mnt/modprobe
chmod +x /mnt/modprobe
echo /mnt/modprobe >/proc/sys/kernel/modprobe # the kernel asks it for each module that something uses
cat >/mnt/fstab <<end
overlay /mnt/root overlay lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work,X-mount.mkdir
proc /mnt/root/proc proc
sysfs /mnt/root/sys sysfs
tmpfs /mnt/root/run tmpfs
devpts /mnt/root/dev/pts devpts ptmxmode=0666
tmpfs /mnt/root/dev/shm tmpfs
tmpfs /mnt/root/tmp tmpfs
none /mnt/root/run/share hostfs $LABKIT_SHARE,X-mount.mkdir
end
mount -a -T /mnt/fstab
ip link set lo up
chroot /mnt/root /bin/sh -c '. /run/share/job' >/mnt/root/run/share/output 2>&1 </dev/null
echo $? >/mnt/root/run/share/status # the exit status of the guest's own process says nothing
sync
poweroff -f
