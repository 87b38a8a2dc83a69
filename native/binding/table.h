// SPDX-License-Identifier: Apache-2.0
//
// The table of all functions that TypeScript can call; src/host/binding.d.ts documents them. Every host uses this
// table, therefore a new entry is available in all of them.
#pragma once

#include "binding/value.h"

namespace tsubo::binding {

using Arguments = std::vector<Value>;

struct Function {
  const char* name;
  // One letter per argument: s(tring), n(umber), b(oolean), (b)y(tes), r(ecord). Letters after `|` are optional
  // arguments.
  const char* arguments;
  Outcome (*call)(const Arguments& arguments);
};

extern const Function kFunctions[];
extern const size_t kFunctionCount;

// Checks the arguments against the entry's letters. Returns an empty text if they match, otherwise the problem.
std::string mismatch(const Function& function, const Arguments& arguments);

// Sets the command line of the host. The standalone host calls it once; the host for Node replaces `argv`.
void set_argv(std::vector<std::string> argv);

// clang-format off
#define TSUBO_BINDING(F) \
  F(readText, "s|n") \
  F(readTextIfThere, "s|b") \
  F(readStart, "sn") \
  F(writeText, "ssnn") \
  F(replaceText, "ssn") \
  F(changeLines, "r") \
  F(mkdir, "sn") \
  F(chown, "snn") \
  F(rmdir, "s") \
  F(unlink, "s") \
  F(symlink, "ss") \
  F(unmount, "s") \
  F(makeFullFifo, "sn") \
  F(readdir, "s") \
  F(removeTree, "s") \
  F(readMembers, "r") \
  F(readlink, "s") \
  F(realpath, "s") \
  F(getcwd, "") \
  F(chdir, "s") \
  F(stat, "s|b") \
  F(filesystemType, "s") \
  F(isReadOnly, "s") \
  F(open, "snn") \
  F(openInRoot, "nsnn") \
  F(copyTree, "r") \
  F(rename, "ss") \
  F(unpackTree, "r") \
  F(packTree, "r") \
  F(findChanges, "r") \
  F(digest, "n") \
  F(linkFile, "ns") \
  F(copyBytes, "nn") \
  F(syncFilesystem, "s") \
  F(pipe, "") \
  F(readAll, "n") \
  F(write, "ns") \
  F(close, "n") \
  F(lock, "nn") \
  F(isTerminal, "n") \
  F(terminalWidth, "n") \
  F(isOpen, "n") \
  F(cloneTrees, "r") \
  F(mapMount, "nnb") \
  F(makeOverlay, "r") \
  F(probeFilesystem, "r") \
  F(endInUserNamespace, "n") \
  F(limitProcess, "nnss") \
  F(namespaceKind, "n") \
  F(utf8, "s") \
  F(argv, "") \
  F(getenv, "s") \
  F(pid, "") \
  F(now, "") \
  F(sleepMs, "n") \
  F(identity, "") \
  F(spawn, "r") \
  F(awaitReport, "n") \
  F(resume, "n|r") \
  F(release, "s") \
  F(startKeeper, "r") \
  F(startContainerKeeper, "r") \
  F(writeReaper, "sn") \
  F(openAttachment, "sn") \
  F(awaitContainerEnd, "nn") \
  F(attach, "r") \
  F(printLog, "r") \
  F(ownCommand, "") \
  F(sendDescriptor, "sns") \
  F(connectTo, "s") \
  F(send, "nyn") \
  F(receive, "nn") \
  F(takeDescriptor, "nnn") \
  F(loadDeviceProgram, "r") \
  F(attachDeviceProgram, "nnb") \
  F(processExists, "n") \
  F(pidfdOpen, "n") \
  F(pidfdSignal, "nn") \
  F(pidfdWait, "nn") \
  F(reap, "n") \
  F(catchSignals, "b") \
  F(endBySignal, "") \
  F(hostTerminal, "") \
  F(adoptTerminal, "nnb") \
  F(resizeTerminal, "nnn") \
  F(waitForeground, "nn|nnr") \
  F(bindDatagrams, "s") \
  F(relayReadiness, "r") \
  F(runHook, "r") \
  F(awaitOutput, "r") \
  F(runHelper, "r") \
  F(startPeer, "r") \
  F(receiveMessage, "n") \
  F(raiseLoopback, "n") \
  F(setAffinity, "r") \
  F(watchFiles, "r") \
  F(awaitChange, "nnn") \
  F(moveNetDevice, "r") \
  F(networkFacts, "") \
  F(findLink, "s") \
  F(makeBridge, "r") \
  F(removeLink, "s") \
  F(makeVeth, "r") \
  F(enslave, "ssbb") \
  F(holdPorts, "r") \
  F(netfilter, "r") \
  F(vocabulary, "")
// clang-format on

namespace function {
#define TSUBO_DECLARE_FUNCTION(name, arguments) Outcome name(const Arguments& a);
TSUBO_BINDING(TSUBO_DECLARE_FUNCTION)
#undef TSUBO_DECLARE_FUNCTION
}  // namespace function

}  // namespace tsubo::binding
