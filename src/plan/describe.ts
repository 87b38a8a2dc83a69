// SPDX-License-Identifier: Apache-2.0

import { ruleText } from '../cgroup/devices/rules.ts';
import { visibleLine } from '../errors/visible.ts';
import { append } from '../oci/append.ts';
import type { IDMapping } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { decodeField } from './decode-field.ts';
import { exactJson } from './exact-json.ts';
import { hostText } from './facilities.ts';
import { cloneFlagNames } from './flag-names.ts';
import type { IdMap } from './host-trees.ts';
import type { HostStep, Plan, UpperRequest } from './plan.ts';
import { limitText, rlimitName } from './rlimits.ts';
import { type SyncPoint, syncPoints } from './sync-points.ts';

/** Column of the origin; a longer line pushes its own origin to the right. */
const originColumn = 96;

/** Titles of the times after the clone at which the runtime performs steps. */
const titles = {
  after: 'the runtime, while the init prepares itself',
  ...syncPointTitles(),
  ready: 'the runtime, when the init is ready',
  poststart: 'the runtime, when the program runs',
  poststop: 'the runtime, after the delete',
};

function syncPointTitles(): Record<SyncPoint, string> {
  const pairs = Object.keys(syncPoints).map(point => [point, `the runtime, while the init waits: ${point}`]);
  return Object.fromEntries(pairs) as Record<SyncPoint, string>;
}

/**
 * The plan in readable form.
 *
 * `text`: one line a step (number, operation, decoded fields, and the JSON pointer of its origin on the right).
 *
 * `json`: the plan's own values with exact integers, the same text for the same plan; ends with a newline like `text`.
 */
export function describePlan(plan: Plan, format: 'text' | 'json'): string {
  if (format === 'text') return text(plan);
  return `${exactJson({ ...plan, container: plan.container.map(withoutPlaces) })}\n`;
}

/** `places` only serves the explanation of a failure. */
function withoutPlaces({ places: _, ...step }: Step): Omit<Step, 'places'> {
  return step;
}

function text(plan: Plan): string {
  const lines = ['the runtime, before the clone'];
  const host = plan.host.map(hostLine);
  append(
    lines,
    host.filter((_, i) => plan.host[i]?.when === 'before'),
  );
  lines.push('', 'clone', line('', spawnText(plan), ''), '', 'the init');
  for (const [index, step] of plan.container.entries())
    lines.push(line(`${index}`, stepText(step), step.origin));
  for (const [when, title] of Object.entries(titles)) {
    const there = host.filter((_, i) => plan.host[i]?.when === when);
    if (there.length > 0) append(lines, ['', title, ...there]);
  }
  if (plan.warnings.length > 0) {
    lines.push('', 'warnings', ...plan.warnings.map(warning => line('', warning.message, warning.pointer)));
  }
  return `${lines.join('\n')}\n`;
}

function line(number: string, words: string, origin: string): string {
  const left = `${number.padStart(4)}  ${visibleLine(words)}`;
  return origin === '' ? left : `${left.padEnd(originColumn)} ${visibleLine(origin)}`;
}

function hostLine(step: HostStep, index: number): string {
  return line(`${index}`, hostWords(step), step.origin);
}

function hostWords(step: HostStep): string {
  switch (step.op) {
    case 'makeCgroup':
      return `makeCgroup path=${step.path}`;
    case 'startUnit':
      return `startUnit unit=${step.unit} slice=${step.slice} path=${step.path}${step.properties.map(({ name }) => ` ${name}`).join('')}`;
    case 'writeCgroup': {
      const instead =
        step.otherwise === undefined ? '' : ` otherwise=${step.otherwise.file} value=${step.otherwise.value}`;
      return `writeCgroup file=${step.file} value=${step.value}${instead}`;
    }
    case 'makeRdtGroup': {
      const lines = [...step.schemas, ...step.schemata].map(text => JSON.stringify(text)).join(' ');
      const monitoring = step.monitoring ? ' monitoring' : '';
      return `makeRdtGroup${step.closID === '' ? '' : ` closID=${step.closID}`} schemata=[${lines}]${monitoring}`;
    }
    case 'openDirectory':
      return `openDirectory path=${step.path} slot=${step.slot}`;
    case 'delegateCgroup':
      return `delegateCgroup uid=${step.uid}`;
    case 'openNamespace':
      return `openNamespace path=${step.path} kind=${cloneFlagNames(step.kind)} slot=${step.slot}`;
    case 'cloneTree':
      return `cloneTree path=${step.path}${step.recursive ? ' recursive' : ''} slot=${step.slot}${idMapWords(step.idmap)}`;
    case 'makeUnion':
      return `makeUnion options=${decodeField('mountRoot', 'options', step.options)} slot=${step.slot}${idMapWords(step.idmap)}`;
    case 'mapTree':
      return `mapTree${idMapWords(step.idmap)}`;
    case 'mapIds':
      return `mapIds uids=[${mappingWords(step.uids)}] gids=[${mappingWords(step.gids)}]`;
    case 'writeTimeOffsets':
      return `writeTimeOffsets offsets=${JSON.stringify(step.offsets)}`;
    case 'limitInit':
      return `limitInit resource=${rlimitName(step.resource)} soft=${limitText(step.soft)} hard=${limitText(step.hard)}`;
    case 'setOomScoreAdj':
      return `setOomScoreAdj value=${step.value}`;
    case 'loadDeviceRules':
      return `loadDeviceRules ${['deny a *:* rwm', ...step.rules.map(ruleText)].join('; ')}`;
    case 'saveRecord':
      return `saveRecord${step.sharesMounts ? ' sharesMounts' : ''}${upperWords(step.upper)}`;
    case 'makeStartFifo':
      return `makeStartFifo slot=${step.slot}`;
    case 'sendListener':
    case 'writePidFile':
    case 'sendPidfd':
      return `${step.op} path=${step.path}`;
    case 'makeState':
    case 'restoreOomScoreAdj':
    case 'joinRdtGroup':
    case 'saveExecData':
    case 'attachDeviceRules':
    case 'takeTerminal':
    case 'saveInit':
    case 'resumeInit':
      return step.op;
    case 'runHook':
      return `runHook path=${step.hook.path}${step.hook.timeout === undefined ? '' : ` timeout=${step.hook.timeout}`}`;
    default:
      return hostText(step);
  }
}

function upperWords(upper: UpperRequest | undefined): string {
  return upper === undefined
    ? ''
    : ` upper=${upper.path} work=${upper.work}${upper.volatile ? ' volatile' : ''}`;
}

/** `0:100000:65536`: container, host, size. */
function mappingWords(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(' ');
}

function idMapWords(idmap: IdMap | undefined): string {
  if (idmap === undefined) return '';
  const how = idmap.recursive ? 'ridmap' : 'idmap';
  if (idmap.uids === undefined) return ` ${how}=container`;
  return ` ${how}=[${mappingWords(idmap.uids)}] gids=[${mappingWords(idmap.gids ?? [])}]`;
}

function spawnText({ spawn }: Plan): string {
  const { cloneFlags, preserveFds, startFifo } = spawn;
  const waits = startFifo === undefined ? '' : ` startFifo=${startFifo}`;
  return `clone3 flags=${cloneFlagNames(cloneFlags)} preserveFds=${preserveFds}${waits}`;
}

/** `mount fstype=tmpfs target=/dev attributes=MOUNT_ATTR_NOSUID ...` */
export function stepText(step: Step): string {
  const { op, origin: _, places: __, ...fields } = step;
  const words: string[] = [op];
  for (const [name, value] of Object.entries(fields)) {
    const decoded = decodeField(op, name, value);
    if (decoded !== undefined) words.push(`${name}=${decoded}`);
  }
  return words.join(' ');
}
