// SPDX-License-Identifier: Apache-2.0

/** The version of the runtime-spec that this runtime implements, as `state`, `spec` and `features` report it. */
export const ociVersion = '1.3.0';

/** The lowest one that everything is known of; older documents are taken too. */
export const ociVersionMin = '1.0.0';
