{
  "variables": {
    "warnings": [
      "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wformat=2", "-Wundef",
      "-Werror=unused-result"
    ],
    # Cost and benefit of each: native/standalone/README.md, "Hardening".
    "hardening": ["-fstack-protector-strong", "-fstack-clash-protection"],
    # Programs without a C library.
    "alone": [
      # A guard in all functions that have arrays, from a variable, because there is no thread storage (entry.cc). More
      # guards, and probes of the stack, would each make one page of every waiting container private.
      "-fstack-protector", "-mstack-protector-guard=global", "-fno-stack-clash-protection",
      "-ffreestanding", "-fno-asynchronous-unwind-tables", "-fno-threadsafe-statics",
      "-ffunction-sections", "-fdata-sections", "-fno-pie"
    ],
    "alone_link": [
      "-nostdlib", "-static", "-no-pie", "-s", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
      # One mapping for code and constants, because each mapping adds to the cost of two execs.
      "-Wl,-z,noseparate-code"
    ]
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-omit-frame-pointer"],
    "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "<@(warnings)", "<@(hardening)"],
    "conditions": [["target_arch=='arm64'", { "cflags_cc": ["-mbranch-protection=standard"] }]]
  },
  "targets": [
    {
      # The program of the container's first process: static, without a C library.
      "target_name": "tsubo-init",
      "type": "executable",
      "sources": [
        "native/init/entry.cc",
        "native/init/stack_guard.cc",
        "native/init/start.cc",
        "native/core/clone_init.cc",
        "native/core/copy_up.cc",
        "native/core/credentials.cc",
        "native/core/detached_mount.cc",
        "native/core/devices.cc",
        "native/core/executor.cc",
        "native/core/files.cc",
        "native/core/home.cc",
        "native/core/hooks.cc",
        "native/core/hostname.cc",
        "native/core/hot_mounts.cc",
        "native/core/keyring.cc",
        "native/core/labels.cc",
        "native/core/landlock.cc",
        "native/core/links.cc",
        "native/core/loopback.cc",
        "native/core/memory.cc",
        "native/core/memory_policy.cc",
        "native/core/mount_call.cc",
        "native/core/mount_target.cc",
        "native/core/mounts.cc",
        "native/core/move_root.cc",
        "native/core/namespaces.cc",
        "native/core/personality.cc",
        "native/core/pid_namespace.cc",
        "native/core/process.cc",
        "native/core/program.cc",
        "native/core/root_mount.cc",
        "native/core/sync.cc",
        "native/core/scheduling.cc",
        "native/core/sysctl.cc",
        "native/core/terminal.cc",
        "native/core/time_namespace.cc",
        "native/core/protect.cc",
        "native/core/rootfs.cc",
        "native/core/seccomp.cc",
        "native/wire/plan.cc"
      ],
      "cflags!": ["-fPIC", "-pthread", "-O3", "-O2", "-m64"],
      "cflags": ["-Os"],
      "cflags_cc": ["<@(alone)"],
      "ldflags!": ["-pthread", "-rdynamic", "-m64"],
      "ldflags": ["<@(alone_link)"]
    },
    {
      # The process beside a container with published ports, or with a log: static, without a C library.
      "target_name": "tsubo-keeper",
      "type": "executable",
      "sources": [
        "native/core/memory.cc",
        "native/init/entry.cc",
        "native/init/stack_guard.cc",
        "native/keeper/clients.cc",
        "native/keeper/command.cc",
        "native/keeper/container.cc",
        "native/keeper/log.cc",
        "native/keeper/main.cc",
        "native/keeper/process.cc",
        "native/keeper/program.cc",
        "native/keeper/rules.cc",
        "native/keeper/tcp.cc",
        "native/keeper/udp.cc"
      ],
      "cflags!": ["-fPIC", "-pthread", "-O3", "-O2", "-m64"],
      "cflags": ["-Os"],
      "cflags_cc": ["<@(alone)"],
      "ldflags!": ["-pthread", "-rdynamic", "-m64"],
      "ldflags": ["<@(alone_link)"]
    },
    {
      # The first process of a container with --init, as a file in it: static, without a C library.
      "target_name": "tsubo-reaper",
      "type": "executable",
      "sources": [
        "native/core/memory.cc",
        "native/init/entry.cc",
        "native/init/stack_guard.cc",
        "native/reaper/main.cc"
      ],
      "cflags!": ["-fPIC", "-pthread", "-O3", "-O2", "-m64"],
      "cflags": ["-Os"],
      "cflags_cc": ["<@(alone)"],
      "ldflags!": ["-pthread", "-rdynamic", "-m64"],
      "ldflags": ["<@(alone_link)"]
    },
    {
      "target_name": "images",
      "type": "none",
      "dependencies": ["tsubo-init", "tsubo-keeper", "tsubo-reaper"],
      "actions": [
        {
          "action_name": "embed_programs",
          "inputs": [
            "native/init/embed.cjs",
            "<(PRODUCT_DIR)/tsubo-init", "<(PRODUCT_DIR)/tsubo-keeper", "<(PRODUCT_DIR)/tsubo-reaper"
          ],
          "outputs": ["<(SHARED_INTERMEDIATE_DIR)/images.cc"],
          "action": [
            "node", "native/init/embed.cjs", "<@(_outputs)",
            "Init", "<(PRODUCT_DIR)/tsubo-init", "Keeper", "<(PRODUCT_DIR)/tsubo-keeper",
            "Reaper", "<(PRODUCT_DIR)/tsubo-reaper"
          ]
        }
      ]
    },
    {
      "target_name": "tsubo",
      "dependencies": ["images", "<!(node -p \"require('node-addon-api').targets\"):node_addon_api"],
      "sources": [
        "native/napi/addon.cc",
        "native/binding/attachment.cc",
        "native/binding/containers.cc",
        "native/binding/decompressor.cc",
        "native/binding/devices.cc",
        "native/binding/directories.cc",
        "native/binding/copy.cc",
        "native/binding/files.cc",
        "native/binding/foreground.cc",
        "native/binding/hooks.cc",
        "native/binding/host_program.cc",
        "native/binding/host_terminal.cc",
        "native/binding/json_members.cc",
        "native/binding/keeper.cc",
        "native/binding/links.cc",
        "native/binding/listeners.cc",
        "native/binding/log_reader.cc",
        "native/binding/mounts.cc",
        "native/binding/pack.cc",
        "native/binding/paths.cc",
        "native/binding/peer.cc",
        "native/binding/process.cc",
        "native/binding/proxy.cc",
        "native/binding/netlink.cc",
        "native/binding/network.cc",
        "native/binding/nftables.cc",
        "native/binding/readiness.cc",
        "native/binding/reaper.cc",
        "native/binding/sockets.cc",
        "native/binding/table.cc",
        "native/binding/unpack.cc",
        "native/binding/users.cc",
        "native/binding/value.cc",
        "native/binding/watch.cc",
        "native/spawn/child.cc",
        "native/spawn/sealed_image.cc",
        "native/spawn/spawn.cc",
        "native/pack/layer.cc",
        "native/pack/changes.cc",
        "native/unpack/archive.cc",
        "native/unpack/place.cc",
        "native/unpack/sha256.cc",
        "<(SHARED_INTERMEDIATE_DIR)/images.cc"
      ],
      "defines": ["NAPI_VERSION=8"],
      # A feature of glibc; the standalone executable has another C library.
      "cflags_cc": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"]
    }
  ]
}
