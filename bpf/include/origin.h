/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_ORIGIN_H
#define BULKHEAD_ORIGIN_H

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define HUGETLBFS_MAGIC 0x958458f6

#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFLNK 0120000

static __always_inline bool bh_is_directory(umode_t mode)
{
	return (mode & S_IFMT) == S_IFDIR;
}

static __always_inline bool bh_is_executable(umode_t mode)
{
	return (mode & S_IFMT) == S_IFREG && mode & 0111;
}

static __always_inline bool bh_is_memory_filesystem(unsigned long magic)
{
	return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC ||
	       magic == HUGETLBFS_MAGIC;
}

/*
 * An overlay inode is embedded in struct ovl_inode, which keeps the upper
 * dentry right behind it: set once the file is (or was copied) in the upper
 * layer. The offset comes from the kernel's BTF of ovl_inode where userland
 * found it, else from the size of struct inode.
 */
static __always_inline int bh_overlay_origin(struct inode *inode)
{
	const struct bh_config *config = bh_config();
	__u32 offset = config ? config->overlay_upper_offset : 0;
	void *upper;

	if (!offset)
		offset = bpf_core_type_size(struct inode);
	if (bpf_probe_read_kernel(&upper, sizeof(upper),
				  (void *)inode + offset))
		return BH_ORIGIN_UNDECIDED;
	return upper ? BH_ORIGIN_WRITABLE : BH_ORIGIN_IMAGE;
}

/*
 * Which layer a file is in (bpf/README.md says why in this order); inode 0: it
 * does not exist yet, where it would be. root_device is the container's own
 * root, 0: not known; then nothing can be told apart but memory.
 * BH_ORIGIN_UNDECIDED: a read failed.
 */
__noinline int bh_origin_of(__u64 dentry_address, __u64 inode_address,
			    __u64 root_device)
{
	struct dentry *dentry = (void *)dentry_address, *parent, *sb_root;
	struct inode *inode = (void *)inode_address;
	unsigned int links = 1;
	struct super_block *sb;
	unsigned long magic;
	dev_t device;

	if (bpf_core_read(&parent, sizeof(parent), &dentry->d_parent) ||
	    bpf_core_read(&sb, sizeof(sb), &dentry->d_sb) ||
	    (inode &&
	     (bpf_core_read(&sb, sizeof(sb), &inode->i_sb) ||
	      bpf_core_read(&links, sizeof(links), &inode->i_nlink))) ||
	    bpf_core_read(&sb_root, sizeof(sb_root), &sb->s_root) ||
	    bpf_core_read(&magic, sizeof(magic), &sb->s_magic) ||
	    bpf_core_read(&device, sizeof(device), &sb->s_dev))
		return BH_ORIGIN_UNDECIDED;
	/* memfd and the like: a file that never had a directory. */
	if (parent == dentry && dentry != sb_root)
		return bh_is_memory_filesystem(magic) ? BH_ORIGIN_MEMORY
						      : BH_ORIGIN_UNKNOWN;
	if (!links && bh_is_memory_filesystem(magic))
		return BH_ORIGIN_MEMORY;
	if (!root_device)
		return BH_ORIGIN_UNKNOWN;
	/* An overlay that the container mounted itself is another device. */
	if (device != root_device)
		return BH_ORIGIN_VOLUME;
	if (magic != OVERLAYFS_SUPER_MAGIC)
		return BH_ORIGIN_UNKNOWN;
	return inode ? bh_overlay_origin(inode) : BH_ORIGIN_WRITABLE;
}

static __always_inline int bh_origin(struct file *file, __u64 root_device)
{
	struct dentry *dentry;
	struct inode *inode;

	if (bpf_core_read(&inode, sizeof(inode), &file->f_inode) || !inode ||
	    bpf_core_read(&dentry, sizeof(dentry), &file->f_path.dentry))
		return BH_ORIGIN_UNDECIDED;
	return bh_origin_of((__u64)dentry, (__u64)inode, root_device);
}

/* BH_VOLUME_...: whether a file lies in the container's own root. */
static __always_inline __u32 bh_volume(struct vfsmount *mnt, __u64 root_device)
{
	struct super_block *sb;
	struct dentry *root;
	struct inode *inode;
	umode_t mode;
	dev_t device;

	if (!root_device || bpf_core_read(&sb, sizeof(sb), &mnt->mnt_sb) ||
	    bpf_core_read(&device, sizeof(device), &sb->s_dev))
		return BH_VOLUME_UNDECIDED;
	if (device == root_device)
		return BH_VOLUME_NONE;
	if (bpf_core_read(&root, sizeof(root), &mnt->mnt_root) ||
	    bpf_core_read(&inode, sizeof(inode), &root->d_inode) ||
	    bpf_core_read(&mode, sizeof(mode), &inode->i_mode))
		return BH_VOLUME_UNDECIDED;
	return bh_is_directory(mode) ? BH_VOLUME_DIRECTORY : BH_VOLUME_FILE;
}

#endif
