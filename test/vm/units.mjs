// SPDX-License-Identifier: Apache-2.0
// The units that systemd starts in the machine: the system bus and the command. A whole system has more.

/** @type {Readonly<Record<string, string>>} */
export const units = {
  'vm.target': `[Unit]
DefaultDependencies=no
AllowIsolate=yes
Wants=vm.service
`,
  'vm.service': `[Unit]
DefaultDependencies=no
Requires=dbus.socket
After=dbus.socket
[Service]
Type=exec
ExecStart=/run/vm/run
StandardOutput=null
StandardError=null
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
`,
  // The manager of a user, without a login; a test starts it.
  'user@.service': `[Unit]
DefaultDependencies=no
[Service]
User=%i
Slice=user-%i.slice
Type=notify
ExecStart=/usr/lib/systemd/systemd --user
Environment=XDG_RUNTIME_DIR=/run/user/%i DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/%i/bus
Delegate=pids memory cpu cpuset io
KillMode=mixed
StandardOutput=null
StandardError=null
`,
  'dbus.socket': `[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
`,
  'dbus.service': `[Unit]
DefaultDependencies=no
Requires=dbus.socket
After=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only
StandardOutput=null
StandardError=null
`,
};
