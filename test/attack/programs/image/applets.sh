#!/bin/sh
# Many programs of the image, one after the other.
set -ex
for name in true uname id date env hostname pwd; do
	"/bin/$name" > /dev/null
done
i=0
while [ $i -lt 50 ]; do
	/bin/mkdir -p "/tmp/work/$i"
	/bin/cp /etc/service.conf "/tmp/work/$i/"
	/bin/cat "/tmp/work/$i/service.conf" > /dev/null
	/bin/rm -r "/tmp/work/$i"
	i=$((i + 1))
done
echo done
