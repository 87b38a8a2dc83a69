// SPDX-License-Identifier: Apache-2.0
//
// Writes built programs as one C++ source, which the host embeds: embed.cjs SOURCE NAME EXECUTABLE [NAME EXECUTABLE ...]
const { readFileSync, writeFileSync } = require('node:fs');

const [, , source, ...programs] = process.argv;

function embedded(name, executable) {
  const bytes = readFileSync(executable);
  const rows = [];
  for (let i = 0; i < bytes.length; i += 24) rows.push([...bytes.subarray(i, i + 24)].join(','));
  return `alignas(16) static const unsigned char k${name}Bytes[] = {
${rows.join(',\n')}
};
const Image k${name}Image = {k${name}Bytes, sizeof k${name}Bytes};
`;
}

const images = [];
for (let i = 0; i < programs.length; i += 2) images.push(embedded(programs[i], programs[i + 1]));
writeFileSync(
  source,
  `#include "spawn/images.h"

namespace tsubo {
${images.join('')}}  // namespace tsubo
`,
);
