/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_ORIGIN_H
#define BULKHEAD_ORIGIN_H

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define HUGETLBFS_MAGIC 0x958458f6

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
 * Which layer a file is in (bpf/README.md says why in this order).
 * root_device is the container's own root, 0: not known; then nothing can be
 * told apart but memory. BH_ORIGIN_UNDECIDED: a read failed.
 */
__noinline int bh_origin(__u64 file_address, __u64 root_device)
{
	struct file *file = (void *)file_address;
	struct dentry *dentry, *parent, *sb_root;
	struct super_block *sb;
	struct inode *inode;
	unsigned long magic;
	unsigned int links;
	dev_t device;

	if (bpf_core_read(&inode, sizeof(inode), &file->f_inode) || !inode ||
	    bpf_core_read(&dentry, sizeof(dentry), &file->f_path.dentry) ||
	    bpf_core_read(&parent, sizeof(parent), &dentry->d_parent) ||
	    bpf_core_read(&sb, sizeof(sb), &inode->i_sb) ||
	    bpf_core_read(&links, sizeof(links), &inode->i_nlink) ||
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
	return bh_overlay_origin(inode);
}

#endif
