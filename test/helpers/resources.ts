// SPDX-License-Identifier: Apache-2.0

const mega = 1024 * 1024;

/** A limit for every controller of a Debian kernel, for the tests with systemd. */
export const someOfEach = {
  memory: { limit: 64 * mega, reservation: 16 * mega, swap: 96 * mega },
  cpu: { shares: 2048, quota: 33000, period: 50000, cpus: '0-1', mems: '0' },
  pids: { limit: 42 },
  blockIO: { weight: 500 },
  hugepageLimits: [{ pageSize: '2MB', limit: 4 * mega }],
  unified: { 'memory.high': `${48 * mega}` },
};
