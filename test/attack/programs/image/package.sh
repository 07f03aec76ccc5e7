#!/bin/sh
# As an installer does with data files.
set -ex
mkdir /tmp/package
cd /tmp/package
tar -xf /attack/data.tar
find data -type f | sort > list
test "$(wc -l < list)" -eq 100
grep -l 'number 7$' data/* | sort > found
test "$(wc -l < found)" -eq 1
mkdir -p /opt/package
cp -r data /opt/package/
chmod 644 /opt/package/data/*
sha256sum /opt/package/data/* > sums
sha256sum -c sums > /dev/null
tar -czf again.tar.gz data
tar -tzf again.tar.gz > /dev/null
echo done
