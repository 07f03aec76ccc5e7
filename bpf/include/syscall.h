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
	/* Its arguments stand in memory. */
	BH_CALL_OLD_MMAP,
	BH_CALL_MMAP,
	BH_CALL_MPROTECT,
	BH_CALL_SETSID,
	BH_CALL_IOCTL,
};

/* thread_info.status */
#define TS_COMPAT 2u
/* Set in the numbers of x32, which are else those of 64 bits. */
#define BH_X32 0x40000000ul

#define EBUSY 16
/* As many mappings as sysctl vm.max_map_count allows by default. */
#define BH_MAPPINGS_MAX 65536
/* Another thread holds the lock of the mappings: how long it is asked again. */
#define BH_BUSY_MAX 4096

#define O_CREAT 0100
#define O_WRONLY 01

static __always_inline bool bh_is_compat(void)
{
	return bh_self()->thread_info.status & TS_COMPAT;
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
		case 342: /* open_by_handle_at: the flags stand as in openat */
			return BH_CALL_OPENAT;
		case 437:
			return BH_CALL_OPENAT2;
		case 90:
			return BH_CALL_OLD_MMAP;
		case 192:
			return BH_CALL_MMAP;
		case 125:
		case 380: /* pkey_mprotect */
			return BH_CALL_MPROTECT;
		case 66:
			return BH_CALL_SETSID;
		case 54:
			return BH_CALL_IOCTL;
		}
		return BH_CALL_OTHER;
	}
	switch (number & ~BH_X32) {
	case 2:
		return BH_CALL_OPEN;
	case 85:
		return BH_CALL_CREAT;
	case 257:
	case 304:
		return BH_CALL_OPENAT;
	case 437:
		return BH_CALL_OPENAT2;
	case 9:
		return BH_CALL_MMAP;
	case 10:
	case 329:
		return BH_CALL_MPROTECT;
	case 112:
		return BH_CALL_SETSID;
	case 16:
		return BH_CALL_IOCTL;
	case 514: /* x32 */
		return BH_CALL_IOCTL;
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
		return compat ? regs->bx : regs->di;
	case 1:
		return compat ? regs->cx : regs->si;
	case 2:
		return regs->dx;
	default:
		return compat ? regs->di : regs->r8;
	}
}

/*
 * By its number alone, for a task of either kind. Asked of every system call of
 * the machine, so before anything is read: see "Numbers" in bpf/README.md.
 */
static __always_inline bool bh_may_be_ours(unsigned long number)
{
	return bh_call(number, false) || bh_call(number, true);
}

static __always_inline struct file *bh_file_of(__u64 descriptor)
{
	struct fdtable *table = bh_self()->files->fdt;
	struct file **files = table->fd, *file = NULL;

	if (descriptor < table->max_fds)
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

struct bh_mapping {
	struct file *file;
	__u64 end;
	bool is_executable;
};

static long bh_look_at(struct task_struct *task, struct vm_area_struct *vma,
		       struct bh_mapping *mapping)
{
	mapping->file = BPF_CORE_READ(vma, vm_file);
	mapping->end = BPF_CORE_READ(vma, vm_end);
	mapping->is_executable = BPF_CORE_READ(vma, vm_flags) & VM_EXEC;
	return 0;
}

static __always_inline long bh_find_mapping(__u64 address,
					    struct bh_mapping *mapping)
{
	return bpf_find_vma(bpf_get_current_task_btf(), address, bh_look_at,
			    mapping, 0);
}

/* A range of addresses that is executable now. */
struct bh_protected {
	__u64 address;
	__u64 end;
};

static long bh_protect_next(__u32 i, struct bh_protected *range)
{
	struct bh_mapping mapping = {};
	long error;

	if (range->address >= range->end)
		return 1;
	error = bh_find_mapping(range->address, &mapping);
	if (error == -EBUSY && i < BH_BUSY_MAX)
		return 0;
	if (error == -EBUSY)
		bh_count(BH_COUNTER_mapping_busy);
	/* A hole: the call ended there too. */
	if (error)
		return 1;
	range->address = mapping.end;
	return mapping.file && mapping.is_executable &&
	       bh_load(bh_number(mapping.file), BH_CONTEXT_SYSCALL);
}

/* Also where the call failed: it changes what lies before a hole. A mapping
 * that was executable before is judged once more. */
static __always_inline void bh_protected(struct pt_regs *regs, bool compat)
{
	struct bh_protected range = {.address = bh_argument(regs, compat, 0)};

	if (!bh_maps_exec(bh_argument(regs, compat, 2)))
		return;
	range.end = range.address + bh_argument(regs, compat, 1);
	bpf_loop(BH_MAPPINGS_MAX, bh_protect_next, &range, 0);
}

/* What was mapped is looked up where it lies: by its descriptor it could have
 * been exchanged meanwhile. */
static __always_inline struct file *bh_mapped(struct pt_regs *regs, bool compat,
					      enum bh_call call, __u64 address)
{
	struct bh_mapping mapping = {};
	long error;

	if (call == BH_CALL_MMAP && !bh_maps_exec(bh_argument(regs, compat, 2)))
		return NULL;
	error = bh_find_mapping(address, &mapping);
	if (!error)
		return mapping.is_executable ? mapping.file : NULL;
	if (error != -EBUSY)
		return NULL;
	bh_count(BH_COUNTER_mapping_busy);
	if (call == BH_CALL_MMAP && (int)bh_argument(regs, compat, 4) >= 0)
		return bh_file_of((__u32)bh_argument(regs, compat, 4));
	return NULL;
}

/* Who leads a session can take a terminal by opening it. */
static __always_inline bool
bh_may_change_session(struct pt_regs *regs, bool compat, enum bh_call call)
{
	struct task_struct *task = bh_self();
	struct pid *leader;
	__u32 command;

	switch (call) {
	case BH_CALL_SETSID:
		return true;
	case BH_CALL_IOCTL:
		command = bh_argument(regs, compat, 1);
		return command == TIOCSCTTY || command == TIOCNOTTY;
	case BH_CALL_OPEN:
	case BH_CALL_OPENAT:
	case BH_CALL_OPENAT2:
		leader = task->signal->pids[PIDTYPE_SID];
		return leader == task->group_leader->thread_pid;
	default:
		return false;
	}
}

/* A call has ended: the file is open or mapped, and the task may die of it. */
static __always_inline void bh_call_ended(struct pt_regs *regs, long result)
{
	/* Not by BPF_CORE_READ(): that is a call. */
	unsigned long number = regs->orig_ax;
	enum bh_call call;
	struct file *file;
	bool compat;

	if (!bh_may_be_ours(number))
		return;
	compat = bh_is_compat();
	call = bh_call(number, compat);
	if (call == BH_CALL_MPROTECT)
		bh_protected(regs, compat);
	/* Errors; addresses are no negative numbers. */
	if (call == BH_CALL_OTHER || call == BH_CALL_MPROTECT || result < 0)
		return;
	if (bh_may_change_session(regs, compat, call))
		bh_tell_session(BH_CONTEXT_SYSCALL);
	if (call >= BH_CALL_SETSID)
		return;
	if (call >= BH_CALL_OLD_MMAP) {
		file = bh_mapped(regs, compat, call, result);
		if (file)
			bh_load(bh_number(file), BH_CONTEXT_SYSCALL);
		return;
	}
	file = bh_file_of(result);
	if (file)
		bh_open(file, bh_flags_of(regs, compat, call),
			BH_CONTEXT_SYSCALL);
}

/* An image begins in its dynamic loader, which the kernel has mapped by itself.
 */
static __always_inline void bh_loader_mapped(void)
{
	struct pt_regs *regs =
		(void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct mm_struct *mm = bh_self()->mm;
	__u64 ip = BPF_CORE_READ(regs, ip);
	struct bh_mapping mapping = {};

	/* In itself: there is none. */
	if (!mm || (ip >= mm->start_code && ip < mm->end_code))
		return;
	if (!bh_find_mapping(ip, &mapping) && mapping.file)
		bh_load(bh_number(mapping.file), BH_CONTEXT_SYSCALL);
}

#endif
