// SPDX-License-Identifier: Apache-2.0

const perSecond = 1_000_000_000n;

/** Returns the time as RFC 3339 in UTC, with the fraction of the second without trailing zeros, as Go prints it. */
export function timestamp(nanoseconds: bigint): string {
  const fraction = String(nanoseconds % perSecond)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds(nanoseconds)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Returns the time as RFC 3339 in UTC, in whole seconds. */
export function timestampSeconds(nanoseconds: bigint): string {
  return `${seconds(nanoseconds)}Z`;
}

function seconds(nanoseconds: bigint): string {
  return new Date(Number(nanoseconds / perSecond) * 1000).toISOString().slice(0, 19);
}
