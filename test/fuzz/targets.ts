// SPDX-License-Identifier: Apache-2.0
import type { Target } from './target.ts';
import { devicesTarget, seccompTarget } from './targets/compilers.ts';
import { checkTarget, planTarget } from './targets/config.ts';
import { dbusTarget, netlinkTarget, variantTarget } from './targets/messages.ts';
import {
  containerTarget,
  definitionTarget,
  execDataTarget,
  exitTarget,
  recordTarget,
} from './targets/records.ts';
import {
  argvTarget,
  linesTarget,
  manifestTarget,
  optionsTarget,
  profileTarget,
  referenceTarget,
  settingsTarget,
} from './targets/texts.ts';

/** @param top - the checkout */
export function allTargets(top: string): Target[] {
  return [
    checkTarget(top),
    planTarget(top),
    seccompTarget,
    devicesTarget,
    dbusTarget,
    variantTarget,
    netlinkTarget,
    referenceTarget,
    manifestTarget,
    argvTarget,
    optionsTarget,
    linesTarget,
    settingsTarget,
    profileTarget,
    recordTarget,
    execDataTarget,
    exitTarget,
    containerTarget,
    definitionTarget,
  ];
}
