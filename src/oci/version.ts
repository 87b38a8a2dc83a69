// SPDX-License-Identifier: Apache-2.0

/** The version of the runtime-spec that this runtime implements and reports in `state`, `spec` and `features`. */
export const ociVersion = '1.3.0';

/** The lowest version whose properties are all known; older documents are accepted too. */
export const ociVersionMin = '1.0.0';
