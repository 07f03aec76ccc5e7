#!/bin/sh
# Programs of the image by symbolic links: the image's own, and a new one.
set -ex
/attack/victim-link
ln -s /attack/victim /tmp/link
/tmp/link
ln -s /bin/busybox /tmp/uname
test "$(/tmp/uname)" = Linux
echo done
