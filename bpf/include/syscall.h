/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens and loads as the system calls of a task show them, where no hook of
 * the kernel's own can be had. What was opened is found by its descriptor, so
 * the file is the one that the kernel opened, whatever its name has become.
 */
#ifndef BULKHEAD_SYSCALL_H
#define BULKHEAD_SYSCALL_H

#if !defined(__TARGET_ARCH_x86)
#error "system call numbers of this architecture"
#endif

/* Of 64-bit and of 32-bit tasks (a task of either kind can make both). */
enum bh_call {
	BH_CALL_OTHER,
	BH_CALL_OPEN,
	BH_CALL_CREAT,
	BH_CALL_OPENAT,
	BH_CALL_OPENAT2,
	BH_CALL_MMAP,
	BH_CALL_MPROTECT,
};

/* thread_info.status */
#define TS_COMPAT 2u

#define O_CREAT 0100
#define O_WRONLY 01

static __always_inline bool bh_is_compat(void)
{
	return BPF_CORE_READ(bh_current(), thread_info.status) & TS_COMPAT;
}

static __always_inline enum bh_call bh_call(unsigned long number, bool compat)
{
	if (compat) {
		switch (number) {
		case 5:
			return BH_CALL_OPEN;
		case 8:
			return BH_CALL_CREAT;
		case 295:
			return BH_CALL_OPENAT;
		case 437:
			return BH_CALL_OPENAT2;
		case 192:
			return BH_CALL_MMAP;
		case 125:
			return BH_CALL_MPROTECT;
		}
		return BH_CALL_OTHER;
	}
	switch (number) {
	case 2:
		return BH_CALL_OPEN;
	case 85:
		return BH_CALL_CREAT;
	case 257:
		return BH_CALL_OPENAT;
	case 437:
		return BH_CALL_OPENAT2;
	case 9:
		return BH_CALL_MMAP;
	case 10:
		return BH_CALL_MPROTECT;
	}
	return BH_CALL_OTHER;
}

/* Its arguments: 64-bit in di, si, dx, r10, r8; 32-bit in bx, cx, dx, si, di.
 */
static __always_inline __u64 bh_argument(struct pt_regs *regs, bool compat,
					 int index)
{
	switch (index) {
	case 0:
		return compat ? BPF_CORE_READ(regs, bx)
			      : BPF_CORE_READ(regs, di);
	case 1:
		return compat ? BPF_CORE_READ(regs, cx)
			      : BPF_CORE_READ(regs, si);
	case 2:
		return BPF_CORE_READ(regs, dx);
	default:
		return compat ? BPF_CORE_READ(regs, di)
			      : BPF_CORE_READ(regs, r8);
	}
}

static __always_inline struct file *bh_file_of(__u64 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(bh_current(), files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

static __always_inline __u32 bh_flags_of(struct pt_regs *regs, bool compat,
					 enum bh_call call)
{
	__u64 flags = 0;

	switch (call) {
	case BH_CALL_OPEN:
		return bh_argument(regs, compat, 1);
	case BH_CALL_OPENAT:
		return bh_argument(regs, compat, 2);
	case BH_CALL_CREAT:
		return O_CREAT | O_WRONLY | O_TRUNC;
	default:
		/* The first member of struct open_how. */
		bpf_probe_read_user(&flags, sizeof(flags),
				    (void *)bh_argument(regs, compat, 2));
		return flags;
	}
}

/* A call has ended: the file is open, and the task may die of it. */
static __always_inline void bh_call_ended(struct pt_regs *regs, long result)
{
	unsigned long number = BPF_CORE_READ(regs, orig_ax);
	bool compat = bh_is_compat();
	enum bh_call call = bh_call(number, compat);
	struct file *file;

	if (call < BH_CALL_OPEN || call > BH_CALL_OPENAT2 || result < 0)
		return;
	file = bh_file_of(result);
	if (file)
		bh_open(file, bh_flags_of(regs, compat, call),
			BH_CONTEXT_SYSCALL);
}

struct bh_mapping {
	struct file *file;
	bool is_executable;
};

static long bh_look_at(struct task_struct *task, struct vm_area_struct *vma,
		       struct bh_mapping *mapping)
{
	mapping->file = BPF_CORE_READ(vma, vm_file);
	mapping->is_executable = BPF_CORE_READ(vma, vm_flags) & VM_EXEC;
	return 0;
}

/* The file mapped at an address; NULL: none, or it is so already. */
static __always_inline struct file *bh_mapped_at(__u64 address)
{
	struct bh_mapping mapping = {};

	if (bpf_find_vma(bpf_get_current_task_btf(), address, bh_look_at,
			 &mapping, 0) ||
	    mapping.is_executable)
		return NULL;
	return mapping.file;
}

/* An image begins in its dynamic loader, which the kernel has mapped by itself.
 */
static __always_inline void bh_loader_mapped(void)
{
	struct pt_regs *regs =
		(void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct bh_mapping mapping = {};

	if (!bpf_find_vma(bpf_get_current_task_btf(), BPF_CORE_READ(regs, ip),
			  bh_look_at, &mapping, 0) &&
	    mapping.file)
		bh_load(mapping.file, BH_CONTEXT_SYSCALL);
}

/* A call begins: it is carried out, but the task dies before it comes back. */
static __always_inline void bh_call_begun(struct pt_regs *regs,
					  unsigned long number)
{
	bool compat = bh_is_compat();
	enum bh_call call = bh_call(number, compat);
	struct file *file = NULL;

	if (call != BH_CALL_MMAP && call != BH_CALL_MPROTECT)
		return;
	if (!bh_maps_exec(bh_argument(regs, compat, 2)))
		return;
	if (call == BH_CALL_MPROTECT)
		file = bh_mapped_at(bh_argument(regs, compat, 0));
	else if ((int)bh_argument(regs, compat, 4) >= 0)
		file = bh_file_of((__u32)bh_argument(regs, compat, 4));
	if (file)
		bh_load(file, BH_CONTEXT_SYSCALL);
}

#endif
