// SPDX-License-Identifier: Apache-2.0
//
// Generated from src/plan by `npm run format`: the operations of the executor and their fields, in the order of the
// wire format. TSUBO_STEPS(S) expands S for each operation, TSUBO_FIELDS_op(F) expands F for each field.
#pragma once

// clang-format off
#define TSUBO_FIELDS_resetSignals(F) F(number, mask)
#define TSUBO_FIELDS_endWithRuntime(F)
#define TSUBO_FIELDS_joinNamespace(F) F(number, slot) F(number, kind)
#define TSUBO_FIELDS_keepPidNamespace(F) F(number, slot)
#define TSUBO_FIELDS_enterPidNamespace(F)
#define TSUBO_FIELDS_unshare(F) F(number, flags)
#define TSUBO_FIELDS_raiseLoopback(F)
#define TSUBO_FIELDS_becomeRoot(F)
#define TSUBO_FIELDS_showToUser(F)
#define TSUBO_FIELDS_enterTimeNamespace(F) F(text, offsets)
#define TSUBO_FIELDS_configureLinks(F) F(texts, names) F(numbers, addresses) F(numbers, routes)
#define TSUBO_FIELDS_setPropagation(F) F(number, flags)
#define TSUBO_FIELDS_setMountPropagation(F) F(text, path) F(number, flags)
#define TSUBO_FIELDS_openRoot(F) F(text, path) F(number, tree) F(number, propagation)
#define TSUBO_FIELDS_pivotRoot(F)
#define TSUBO_FIELDS_moveRoot(F)
#define TSUBO_FIELDS_changeRoot(F) F(number, slot)
#define TSUBO_FIELDS_setRootPropagation(F) F(number, flags)
#define TSUBO_FIELDS_sealRoot(F)
#define TSUBO_FIELDS_mountRoot(F) F(text, path) F(number, tree) F(text, source) F(text, lower) F(texts, options) F(number, attributes) F(number, propagation) F(number, oneCall)
#define TSUBO_FIELDS_mount(F) F(text, fstype) F(text, source) F(text, target) F(texts, options) F(number, attributes) F(number, flags)
#define TSUBO_FIELDS_bind(F) F(text, source) F(number, tree) F(number, inRoot) F(text, target) F(number, recursive) F(number, attributesSet) F(number, attributesClear) F(number, attributesInsist) F(number, flags)
#define TSUBO_FIELDS_cloneTree(F) F(text, source) F(number, inRoot) F(number, recursive) F(number, slot)
#define TSUBO_FIELDS_mountCgroup(F) F(text, target) F(text, fallback) F(texts, options) F(number, attributes) F(number, flags)
#define TSUBO_FIELDS_keepMount(F) F(number, slot)
#define TSUBO_FIELDS_changeMount(F) F(number, slot) F(number, attributesSet) F(number, attributesClear) F(number, propagation) F(number, recursive)
#define TSUBO_FIELDS_makeMount(F) F(text, fstype) F(text, source) F(texts, options) F(number, attributes) F(number, slot)
#define TSUBO_FIELDS_attachMount(F) F(text, source) F(text, target) F(number, tree) F(number, attributesSet) F(number, attributesClear) F(number, attributesInsist) F(number, flags)
#define TSUBO_FIELDS_detachMount(F) F(text, target) F(text, identity) F(number, procfs)
#define TSUBO_FIELDS_labelMount(F) F(text, label)
#define TSUBO_FIELDS_setSecurityAttribute(F) F(texts, names) F(text, value)
#define TSUBO_FIELDS_makeDevice(F) F(text, path) F(number, mode) F(number, major) F(number, minor) F(number, uid) F(number, gid)
#define TSUBO_FIELDS_bindDevice(F) F(text, path) F(number, mode) F(number, major) F(number, minor)
#define TSUBO_FIELDS_makeSymlink(F) F(text, path) F(text, target)
#define TSUBO_FIELDS_replaceSymlink(F) F(text, path) F(text, target)
#define TSUBO_FIELDS_makeSymlinkIf(F) F(text, path) F(text, target) F(text, needs)
#define TSUBO_FIELDS_setHostname(F) F(text, name)
#define TSUBO_FIELDS_setDomainname(F) F(text, name)
#define TSUBO_FIELDS_setSysctl(F) F(text, path) F(text, value)
#define TSUBO_FIELDS_readonlyPath(F) F(text, path)
#define TSUBO_FIELDS_maskPath(F) F(text, path)
#define TSUBO_FIELDS_keepNullDevice(F)
#define TSUBO_FIELDS_joinSessionKeyring(F) F(text, name)
#define TSUBO_FIELDS_setRlimit(F) F(number, resource) F(number, soft) F(number, hard)
#define TSUBO_FIELDS_setAffinity(F) F(numbers, cpus)
#define TSUBO_FIELDS_setScheduler(F) F(number, policy) F(number, flags) F(signed, nice) F(number, priority) F(number, runtime) F(number, deadline) F(number, period)
#define TSUBO_FIELDS_setIoPriority(F) F(number, ioClass) F(number, priority)
#define TSUBO_FIELDS_setPersonality(F) F(number, persona)
#define TSUBO_FIELDS_setMemoryPolicy(F) F(number, mode) F(numbers, nodes)
#define TSUBO_FIELDS_openTerminal(F) F(text, path) F(text, console) F(number, slot) F(number, height) F(number, width) F(number, uid)
#define TSUBO_FIELDS_useTerminal(F)
#define TSUBO_FIELDS_limitBoundingSet(F) F(number, keep)
#define TSUBO_FIELDS_setCapabilities(F) F(number, effective) F(number, permitted) F(number, inheritable)
#define TSUBO_FIELDS_setAmbientSet(F) F(number, mask)
#define TSUBO_FIELDS_makeDirectory(F) F(text, path) F(number, mode)
#define TSUBO_FIELDS_setNoNewPrivileges(F)
#define TSUBO_FIELDS_ownStdio(F) F(number, uid)
#define TSUBO_FIELDS_findHome(F) F(number, uid)
#define TSUBO_FIELDS_setUmask(F) F(number, mask)
#define TSUBO_FIELDS_setUser(F) F(number, uid) F(number, gid) F(numbers, groups) F(number, keepGroups)
#define TSUBO_FIELDS_changeDirectory(F) F(text, path) F(number, mayFail)
#define TSUBO_FIELDS_ready(F)
#define TSUBO_FIELDS_awaitStart(F) F(number, fifo)
#define TSUBO_FIELDS_restrictAccess(F) F(number, files) F(number, network) F(number, scoped) F(texts, paths) F(numbers, pathAccesses) F(numbers, ports) F(numbers, portAccesses)
#define TSUBO_FIELDS_findProgram(F) F(text, name) F(texts, search)
#define TSUBO_FIELDS_execute(F) F(texts, args) F(texts, env)
#define TSUBO_FIELDS_sync(F) F(text, point) F(number, slot) F(number, into) F(number, count)
#define TSUBO_FIELDS_runHook(F) F(text, path) F(texts, args) F(texts, env) F(number, home) F(number, timeout) F(texts, input)
#define TSUBO_FIELDS_loadSeccomp(F) F(numbers, program) F(number, flags)

#define TSUBO_STEPS(S) \
  S(resetSignals) \
  S(endWithRuntime) \
  S(joinNamespace) \
  S(keepPidNamespace) \
  S(enterPidNamespace) \
  S(unshare) \
  S(raiseLoopback) \
  S(becomeRoot) \
  S(showToUser) \
  S(enterTimeNamespace) \
  S(configureLinks) \
  S(setPropagation) \
  S(setMountPropagation) \
  S(openRoot) \
  S(pivotRoot) \
  S(moveRoot) \
  S(changeRoot) \
  S(setRootPropagation) \
  S(sealRoot) \
  S(mountRoot) \
  S(mount) \
  S(bind) \
  S(cloneTree) \
  S(mountCgroup) \
  S(keepMount) \
  S(changeMount) \
  S(makeMount) \
  S(attachMount) \
  S(detachMount) \
  S(labelMount) \
  S(setSecurityAttribute) \
  S(makeDevice) \
  S(bindDevice) \
  S(makeSymlink) \
  S(replaceSymlink) \
  S(makeSymlinkIf) \
  S(setHostname) \
  S(setDomainname) \
  S(setSysctl) \
  S(readonlyPath) \
  S(maskPath) \
  S(keepNullDevice) \
  S(joinSessionKeyring) \
  S(setRlimit) \
  S(setAffinity) \
  S(setScheduler) \
  S(setIoPriority) \
  S(setPersonality) \
  S(setMemoryPolicy) \
  S(openTerminal) \
  S(useTerminal) \
  S(limitBoundingSet) \
  S(setCapabilities) \
  S(setAmbientSet) \
  S(makeDirectory) \
  S(setNoNewPrivileges) \
  S(ownStdio) \
  S(findHome) \
  S(setUmask) \
  S(setUser) \
  S(changeDirectory) \
  S(ready) \
  S(awaitStart) \
  S(restrictAccess) \
  S(findProgram) \
  S(execute) \
  S(sync) \
  S(runHook) \
  S(loadSeccomp)
// clang-format on
