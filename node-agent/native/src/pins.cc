#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "contains.h"
#include "error.h"

namespace bulkhead
{
namespace
{

constexpr long kBpffsMagic = 0xcafe4a11;
const std::string kComplete = "v_";
const std::string kIncomplete = "n_";
const std::string kLink = "link_";
const std::string kProgram = "prog_";
const std::string kMap = "map_";

std::vector<std::string> list(const std::string &path)
{
	std::vector<std::string> names;
	std::unique_ptr<DIR, int (*)(DIR *)> directory(opendir(path.c_str()),
						       closedir);
	if (!directory)
		throwErrno("SYSTEM", "cannot read " + path);
	while (dirent *entry = readdir(directory.get())) {
		std::string name = entry->d_name;
		if (name != "." && name != "..")
			names.push_back(name);
	}
	return names;
}

// What follows a prefix in the names that begin with it.
std::vector<std::string> listAfter(const std::string &path,
				   const std::string &prefix)
{
	std::vector<std::string> found;
	for (const std::string &name : list(path))
		if (name.rfind(prefix, 0) == 0)
			found.push_back(name.substr(prefix.size()));
	return found;
}

// The kernel detaches some milliseconds after the last name of a link has gone,
// on a processor that is emulated and shared some seconds.
constexpr std::chrono::seconds kDetachLimit(30);
constexpr std::chrono::milliseconds kDetachStep(1);

__u32 programOf(const std::string &link)
{
	UniqueFd fd(bpf_obj_get(link.c_str()));
	bpf_link_info info = {};
	__u32 size = sizeof(info);
	if (fd.get() < 0 || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0)
		throwErrno("SYSTEM", "cannot look at " + link);
	return info.prog_id;
}

bool isLoaded(__u32 program)
{
	return UniqueFd(bpf_prog_get_fd_by_id(program)).get() >= 0;
}

// Answers whether the programs are gone; they stay where another process holds
// one of them.
bool removeDirectory(const std::string &path)
{
	std::vector<__u32> programs;
	for (const std::string &name : listAfter(path, kLink))
		programs.push_back(programOf(path + "/" + kLink + name));
	// Links first: what they enforce ends before the maps they read go.
	for (const std::string &prefix : {kLink, kProgram, kMap})
		for (const std::string &name : listAfter(path, prefix))
			if (unlink((path + "/" + prefix + name).c_str()) != 0)
				throwErrno("SYSTEM", "cannot remove a pin");
	if (rmdir(path.c_str()) != 0)
		throwErrno("SYSTEM", "cannot remove " + path);
	auto deadline = std::chrono::steady_clock::now() + kDetachLimit;
	while (std::any_of(programs.begin(), programs.end(), isLoaded)) {
		if (std::chrono::steady_clock::now() > deadline)
			return false;
		std::this_thread::sleep_for(kDetachStep);
	}
	return true;
}

} // namespace

PinDirectory::PinDirectory(const std::string &path) : path_(path)
{
	if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
		throwErrno("SYSTEM", "cannot make " + path);
	lock_ = UniqueFd(
		open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (lock_.get() < 0)
		throwErrno("SYSTEM", "cannot open " + path);
	struct statfs filesystem;
	if (fstatfs(lock_.get(), &filesystem) != 0)
		throwErrno("SYSTEM", "cannot stat " + path);
	if (filesystem.f_type != kBpffsMagic)
		throw NativeError("NOT_BPFFS", path + " is not on a bpffs");
	if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
		throw NativeError("BUSY",
				  path + " is in use by another process");
}

std::string PinDirectory::pinPath(const std::string &name) const
{
	return path_ + "/" + name;
}

std::vector<std::string> PinDirectory::sets() const
{
	std::vector<std::string> found;
	for (const std::string &name : listAfter(path_, kComplete))
		found.push_back(kComplete + name);
	return found;
}

std::vector<std::string> PinDirectory::attached(const std::string &set) const
{
	return listAfter(pinPath(set), kLink);
}

std::vector<std::string> PinDirectory::waiting(const std::string &set) const
{
	std::vector<std::string> found;
	std::vector<std::string> links = attached(set);
	for (const std::string &name : listAfter(pinPath(set), kProgram))
		if (!contains(links, name))
			found.push_back(name);
	return found;
}

__u64 PinDirectory::recursionMissed(const std::string &set) const
{
	__u64 missed = 0;
	for (const std::string &name : attached(set)) {
		__u32 id = programOf(pinPath(set) + "/" + kLink + name);
		UniqueFd program(bpf_prog_get_fd_by_id(id));
		bpf_prog_info info = {};
		__u32 size = sizeof(info);
		if (program.get() < 0 ||
		    bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0)
			throwErrno("SYSTEM", "cannot look at " + name);
		missed += info.recursion_misses;
	}
	return missed;
}

std::string PinDirectory::begin(const std::string &set)
{
	std::string path = pinPath(kIncomplete + set.substr(kComplete.size()));
	if (mkdir(path.c_str(), 0700) != 0)
		throwErrno("SYSTEM", "cannot make " + path);
	return path;
}

void PinDirectory::complete(const std::string &set)
{
	std::string from = pinPath(kIncomplete + set.substr(kComplete.size()));
	if (rename(from.c_str(), pinPath(set).c_str()) != 0)
		throwErrno("SYSTEM", "cannot rename " + from);
}

void PinDirectory::removeSet(const std::string &set)
{
	removeDirectory(pinPath(set));
}

void PinDirectory::removeIncomplete()
{
	for (const std::string &name : listAfter(path_, kIncomplete))
		removeDirectory(pinPath(kIncomplete + name));
}

bool PinDirectory::removeAll()
{
	removeIncomplete();
	std::vector<std::string> found = sets();
	bool gone = true;
	for (const std::string &set : found)
		gone = removeDirectory(pinPath(set)) && gone;
	if (rmdir(path_.c_str()) != 0)
		throwErrno("SYSTEM", "cannot remove " + path_);
	if (!gone)
		throw NativeError("SYSTEM",
				  "another process holds the programs: they "
				  "stay attached");
	return !found.empty();
}

std::string PinDirectory::setName(const std::string &version,
				  const std::string &backend)
{
	return kComplete + version + "_" + backend;
}

// fmod_ret has an underscore too: the version has none.
std::string PinDirectory::backendOf(const std::string &set)
{
	return set.substr(set.find('_', kComplete.size()) + 1);
}

} // namespace bulkhead
