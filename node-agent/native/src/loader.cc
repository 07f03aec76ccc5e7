#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <memory>

#include "abi.h"
#include "contains.h"
#include "error.h"
#include "unique_fd.h"

namespace bulkhead
{
namespace
{

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;
using Btf = std::unique_ptr<btf, decltype(&btf__free)>;

int memberOffset(const btf *types, const btf_type *type, const char *name)
{
	const btf_member *members = btf_members(type);
	for (int i = 0; i < btf_vlen(type); i++)
		if (strcmp(btf__name_by_offset(types, members[i].name_off),
			   name) == 0)
			return members[i].offset / 8;
	return -1;
}

// From struct inode to the upper dentry in struct ovl_inode, 0: this kernel
// does not tell (the module is not loaded yet); the programs then go by the
// inode's size.
__u32 overlayUpperOffset()
{
	Btf kernel(btf__load_vmlinux_btf(), btf__free);
	if (!kernel)
		return 0;
	Btf module(nullptr, btf__free);
	const btf *types = kernel.get();
	int id = btf__find_by_name_kind(types, "ovl_inode", BTF_KIND_STRUCT);
	if (id < 0) {
		module.reset(btf__load_module_btf("overlay", kernel.get()));
		types = module.get();
		if (!types)
			return 0;
		id = btf__find_by_name_kind(types, "ovl_inode",
					    BTF_KIND_STRUCT);
	}
	if (id < 0)
		return 0;
	const btf_type *type = btf__type_by_id(types, id);
	int inode = memberOffset(types, type, "vfs_inode");
	int upper = memberOffset(types, type, "__upperdentry");
	return inode >= 0 && upper > inode ? upper - inode : 0;
}

void writeConfig(bpf_object *object, const HookPlan &plan,
		 const std::vector<unsigned int> &hostNamespaces)
{
	bh_config config = {};
	while (!config.ring_instance)
		if (getrandom(&config.ring_instance,
			      sizeof(config.ring_instance), 0) < 0)
			throwErrno("SYSTEM", "no random numbers");
	timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	config.attached_boottime_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	config.overlay_upper_offset = overlayUpperOffset();
	config.exec_is_judged_early =
		plan.execBackend == "lsm" || plan.execBackend == "fmod_ret";
	config.host_namespace_count = hostNamespaces.size();
	std::copy(hostNamespaces.begin(), hostNamespaces.end(),
		  config.host_namespaces);
	int fd = bpf_object__find_map_fd_by_name(object, "config");
	__u32 key = 0;
	if (bpf_map_update_elem(fd, &key, &config, BPF_ANY) != 0)
		throwErrno("LOAD_FAILED", "cannot write the configuration");
}

void pinProgram(bpf_program *program, const std::string &directory)
{
	std::string name = bpf_program__name(program);
	int error = bpf_program__pin(program,
				     (directory + "/prog_" + name).c_str());
	if (error)
		throwErrno("SYSTEM", "cannot pin " + name, -error);
}

void attachAndPin(bpf_program *program, const std::string &directory)
{
	std::string name = bpf_program__name(program);
	bpf_link *link = bpf_program__attach(program);
	if (!link)
		throwErrno("ATTACH_FAILED", "cannot attach " + name);
	int error = bpf_link__pin(link, (directory + "/link_" + name).c_str());
	// The pin keeps it attached.
	bpf_link__destroy(link);
	if (error)
		throwErrno("SYSTEM", "cannot pin " + name, -error);
}

} // namespace

void loadAndPin(const std::string &objectPath, const HookPlan &plan,
		const std::vector<unsigned int> &hostNamespaces,
		const std::string &directory)
{
	Object object(bpf_object__open_file(objectPath.c_str(), nullptr),
		      bpf_object__close);
	if (!object)
		throwErrno("INVALID_ARGUMENT", "cannot open " + objectPath);
	bpf_program *program;
	bpf_object__for_each_program(program, object.get())
	{
		bpf_program__set_autoload(
			program,
			contains(plan.programs, bpf_program__name(program)));
	}
	int error = bpf_object__load(object.get());
	if (error)
		throwErrno("LOAD_FAILED", "the kernel refused the programs",
			   -error);
	writeConfig(object.get(), plan, hostNamespaces);
	bpf_map *map;
	bpf_object__for_each_map(map, object.get())
	{
		std::string path = directory + "/map_" + bpf_map__name(map);
		error = bpf_map__pin(map, path.c_str());
		if (error)
			throwErrno("SYSTEM", "cannot pin " + path, -error);
	}
	bpf_object__for_each_program(program, object.get())
	{
		if (!bpf_program__autoload(program))
			continue;
		if (contains(plan.deferred, bpf_program__name(program)))
			pinProgram(program, directory);
		else
			attachAndPin(program, directory);
	}
}

void attachWaiting(const std::string &directory, const std::string &name)
{
	UniqueFd program(bpf_obj_get((directory + "/prog_" + name).c_str()));
	if (program.get() < 0)
		throwErrno("SYSTEM", "cannot open " + name);
	// Of tp_btf: what it is attached to stands in the program.
	UniqueFd link(bpf_raw_tracepoint_open(nullptr, program.get()));
	if (link.get() < 0)
		throwErrno("ATTACH_FAILED", "cannot attach " + name);
	if (bpf_obj_pin(link.get(), (directory + "/link_" + name).c_str()) != 0)
		throwErrno("SYSTEM", "cannot pin " + name);
}

} // namespace bulkhead
