// SPDX-License-Identifier: GPL-2.0
/*
 * Files of containers: what is opened, made, changed, removed, renamed and
 * loaded. The hooks are thin shells over include/file.h; bpf/README.md says why
 * these and since which kernel. io_uring comes the same way.
 */
#include "include/file.h"

/* The same body denies as an LSM and, where bpf is none, by fmod_ret. */
#define BH_FILE_HOOK(name, denies, ...)                                        \
	SEC("lsm/" #name)                                                      \
	int BPF_PROG(bh_##name##_lsm, __VA_ARGS__)                             \
	{                                                                      \
		if (denies)                                                    \
			return -BH_EPERM;                                      \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	SEC("fmod_ret/security_" #name)                                        \
	int BPF_PROG(bh_##name##_fmod, __VA_ARGS__, int ret)                   \
	{                                                                      \
		if (ret)                                                       \
			return ret;                                            \
		if (denies)                                                    \
			return -BH_EPERM;                                      \
		return 0;                                                      \
	}

BH_FILE_HOOK(file_open,
	     bh_open(file, BPF_CORE_READ(file, f_flags), BH_CONTEXT_TRAMPOLINE),
	     struct file *file)
BH_FILE_HOOK(path_mknod, bh_make(dir, dentry, mode, bh_makes_node()),
	     struct path *dir, struct dentry *dentry, umode_t mode,
	     unsigned int dev)
BH_FILE_HOOK(path_symlink, bh_make(dir, dentry, S_IFLNK | 0777, true),
	     struct path *dir, struct dentry *dentry, const char *old_name)
BH_FILE_HOOK(path_link, bh_link(old_dentry, new_dir, new_dentry),
	     struct dentry *old_dentry, struct path *new_dir,
	     struct dentry *new_dentry)
BH_FILE_HOOK(path_unlink, bh_delete(dir, dentry), struct path *dir,
	     struct dentry *dentry)
BH_FILE_HOOK(path_rmdir, bh_delete(dir, dentry), struct path *dir,
	     struct dentry *dentry)
BH_FILE_HOOK(path_rename,
	     bh_rename(old_dir, old_dentry, new_dir, new_dentry, flags),
	     struct path *old_dir, struct dentry *old_dentry,
	     struct path *new_dir, struct dentry *new_dentry,
	     unsigned int flags)
/* Asked by open() and ftruncate() too, on kernels before 6.2. */
BH_FILE_HOOK(path_truncate, bh_is_syscall(BH_NR_TRUNCATE) && bh_truncate(path),
	     struct path *path)
BH_FILE_HOOK(path_chmod, bh_chmod(path, mode), struct path *path, umode_t mode)
BH_FILE_HOOK(file_mprotect, prot &PROT_EXEC &&bh_gains_exec(vma),
	     struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot)

/* Not the same arguments. */
SEC("lsm/mmap_file")
int BPF_PROG(bh_mmap_file_lsm, struct file *file, unsigned long reqprot,
	     unsigned long prot, unsigned long flags)
{
	if (file && prot & PROT_EXEC &&
	    bh_load(bh_number(file), BH_CONTEXT_TRAMPOLINE))
		return -BH_EPERM;
	return 0;
}

SEC("fmod_ret/security_mmap_file")
int BPF_PROG(bh_mmap_file_fmod, struct file *file, unsigned long prot,
	     unsigned long flags, int ret)
{
	if (ret)
		return ret;
	if (file && bh_maps_exec(prot) &&
	    bh_load(bh_number(file), BH_CONTEXT_TRAMPOLINE))
		return -BH_EPERM;
	return 0;
}
