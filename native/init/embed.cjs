// SPDX-License-Identifier: Apache-2.0
//
// Writes the built init as a C++ source, which the host embeds: embed.cjs EXECUTABLE SOURCE
const { readFileSync, writeFileSync } = require('node:fs');

const [, , executable, source] = process.argv;
const bytes = readFileSync(executable);
const rows = [];
for (let i = 0; i < bytes.length; i += 24) rows.push([...bytes.subarray(i, i + 24)].join(','));
writeFileSync(
  source,
  `#include "spawn/init_image.h"

namespace tsubo {
alignas(16) const unsigned char kInitImage[] = {
${rows.join(',\n')}
};
const size_t kInitImageBytes = sizeof kInitImage;
}  // namespace tsubo
`,
);
