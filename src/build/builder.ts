// SPDX-License-Identifier: Apache-2.0

import { attach, openAttachment } from '../direct/attach.ts';
import type { DirectContainer } from '../direct/container.ts';
import { createDirect } from '../direct/create.ts';
import { openUnion, readInRoot } from '../direct/image-files.ts';
import { readLogs } from '../direct/logs.ts';
import { removeDirect } from '../direct/remove.ts';
import type { ContainerRequest, MountRequest, NetworkChoice } from '../direct/request.ts';
import { startDirect } from '../direct/start.ts';
import { releaseEnded } from '../direct/stop.ts';
import { containerPath, type DirectStore } from '../direct/store.ts';
import { findUser } from '../direct/users.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost, toRuntimeError } from '../errors/system.ts';
import { visibleLine } from '../errors/visible.ts';
import { withDirectory } from '../host/files.ts';
import { readConfig } from '../image/config.ts';
import { hexOf } from '../image/digest.ts';
import { adoptTree, makeTemporary, unpackedLayers } from '../image/layers.ts';
import { addDraft, type ConfigMembers, draftOf, emptyDraft, type ImageDraft } from '../image/new-image.ts';
import { writeLayer } from '../image/new-layer.ts';
import { pullImage } from '../image/online.ts';
import { machinePlatform, type Platform } from '../image/platform.ts';
import { formatReference, parseReference } from '../image/reference.ts';
import { findImage, needImage, type StoredImage, type StoredLayer } from '../image/store.ts';
import { compressionOfFile, decompressorOf } from '../image/unpack.ts';
import { O } from '../kernel/files.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { timestamp, timestampSeconds } from '../lifecycle/timestamp.ts';
import { findStep, keepStep, type StepResult, stepKey } from './cache.ts';
import { upperOf } from './commit.ts';
import {
  type Attributes,
  changeFiles,
  copySource,
  layerOf,
  makeDirectoriesIn,
  type Target,
} from './files.ts';
import type { IgnoreRules } from './ignore.ts';
import {
  type Flag,
  type Instruction,
  type Place,
  placeOf,
  type Source,
  syntaxError,
  unsupported,
} from './instruction.ts';
import { type Dockerfile, listWords, parseDockerfile } from './parse.ts';
import {
  applySetting,
  directoryOf,
  environmentOf,
  expandedIn,
  settingKeywords,
  shellOf,
  withPath,
} from './settings.ts';
import { type FoundSource, findSources, type SourceRoot } from './sources.ts';
import { argumentsOf, findStage, platformVariables, type Stage, type Stages, stagesOf } from './stages.ts';
import { expandedHeredoc } from './words.ts';

export interface BuildRequest {
  readonly dockerfile: Dockerfile;
  /** Absolute path of the directory; undefined for a Dockerfile without files. */
  readonly context: string | undefined;
  readonly rules: IgnoreRules | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  /** Complete names of the image. */
  readonly references: readonly string[];
  readonly useCache: boolean;
  readonly pull: 'always' | 'missing';
  readonly network: NetworkChoice;
  /** The output of programs is printed only if they fail. */
  readonly quiet: boolean;
  /** The latest time that files in new layers may have, in seconds since 1970; later times are set to it. */
  readonly latest: number | undefined;
  /** Writes a text that reports progress. */
  readonly print: (text: string) => void;
}

/** A stage after some of its steps. */
interface State {
  readonly draft: ImageDraft;
  readonly key: string;
  readonly created: string;
  /** Values of ARG. */
  readonly args: ReadonlyMap<string, string>;
  readonly ownCommand: boolean;
}

/** Variables that are set without an ARG. Their values are not part of a step's key. */
const proxyVariables = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'].flatMap(name => [
  name,
  name.toUpperCase(),
]);
const unattachedNetworks: Readonly<Record<string, NetworkChoice>> = { none: 'none', host: 'host' };

/** Builds an image from one Dockerfile. */
export class Builder {
  readonly #runtime: Runtime;
  readonly #store: DirectStore;
  readonly #request: BuildRequest;
  readonly #platform: Platform;
  readonly #stages: Stages;
  readonly #finished = new Map<number, State>();
  readonly #usedArgs = new Set<string>();
  #steps = 0;
  #step = 0;

  constructor(runtime: Runtime, request: BuildRequest, store: DirectStore) {
    this.#runtime = runtime;
    this.#store = store;
    this.#request = request;
    this.#platform = machinePlatform(runtime.binding.identity().machine);
    this.#stages = stagesOf(request.dockerfile, request.buildArgs, this.#platform);
  }

  /** @returns the id of the image */
  build(): string {
    const { labels, references, target } = this.#request;
    const { stages } = this.#stages;
    const stage = target === undefined ? stages.at(-1) : findStage(stages, target);
    if (stage === undefined) {
      throw new RuntimeError({
        code: 'build.no-stage',
        message: `target stage ${JSON.stringify(target)} could not be found`,
        value: target,
        hint: `the stages are ${stages.map(({ name, index }) => name ?? index).join(', ')}`,
      });
    }
    const needed = this.#neededStages(stage);
    this.#steps = needed.reduce((sum, one) => sum + 1 + one.instructions.length, 0);
    for (const one of needed) this.#finished.set(one.index, this.#buildStage(one));
    const { draft, created } = this.#finished.get(stage.index) as State;
    const hasLabels = Object.keys(labels).length > 0;
    const config = hasLabels
      ? { ...draft.config, Labels: { ...(draft.config['Labels'] as object | undefined), ...labels } }
      : draft.config;
    const id = addDraft(this.#store, { ...draft, config }, created, references);
    const unused = [...this.#request.buildArgs.keys()].filter(
      name => !this.#usedArgs.has(name) && !this.#stages.globals.has(name) && !proxyVariables.includes(name),
    );
    if (unused.length > 0) {
      this.#runtime.log.warn(`one or more build-args were not consumed: ${unused.join(', ')}`);
    }
    return id;
  }

  /** Returns `last` and the stages on which it depends, in the order of the Dockerfile. */
  #neededStages(last: Stage): Stage[] {
    const { stages } = this.#stages;
    const needed = new Set<Stage>();
    const add = (stage: Stage): void => {
      if (needed.has(stage)) return;
      needed.add(stage);
      const words = [
        stage.base,
        ...stage.instructions.flatMap(({ flags }) =>
          flags.flatMap(({ name, value = '' }) => (name === 'from' ? [value] : [])),
        ),
      ];
      for (const word of words) {
        const found = findStage(stages, word, stage.index);
        if (found !== undefined && (word !== stage.base || !/^\d+$/.test(word))) add(found);
      }
    };
    add(last);
    return [...needed].sort((one, other) => one.index - other.index);
  }

  #announce(text: string): void {
    this.#step++;
    const line = visibleLine(text.replace(/\s+/g, ' '));
    this.#request.print(`Step ${this.#step}/${this.#steps} : ${line}\n`);
  }

  #buildStage(stage: Stage): State {
    const { dockerfile } = this.#request;
    const { from, base } = stage;
    this.#announce(`FROM ${from.text}`);
    let state = this.#inPlace(placeOf(dockerfile.source, from), () => this.#baseOf(stage, base));
    state = { ...state, draft: { ...state.draft, config: withPath(state.draft.config) } };
    const { config } = state.draft;
    const triggers = (config['OnBuild'] as string[] | undefined) ?? [];
    if (triggers.length > 0) {
      const { OnBuild: _, ...rest } = config;
      state = { ...state, draft: { ...state.draft, config: rest } };
      this.#request.print(
        `# Executing ${triggers.length} build trigger${triggers.length === 1 ? '' : 's'}\n`,
      );
      this.#steps += triggers.length;
      for (const trigger of triggers) {
        const inner = parseDockerfile(trigger, `ONBUILD of ${base}`);
        for (const instruction of inner.instructions)
          state = this.#apply(inner.source, stage, state, instruction, trigger);
      }
    }
    for (const instruction of stage.instructions) {
      const text = [instruction.keyword, ...instruction.flags.map(flagText), instruction.text].join(' ');
      state = this.#apply(dockerfile.source, stage, state, instruction, text);
    }
    return state;
  }

  #baseOf(stage: Stage, base: string): State {
    const { binding } = this.#runtime;
    const own = findStage(this.#stages.stages, base, stage.index);
    if (own !== undefined && own.name === base.toLowerCase()) {
      const state = this.#finished.get(own.index) as State;
      return { ...state, ownCommand: false };
    }
    const none = { args: new Map<string, string>(), ownCommand: false };
    if (base === 'scratch')
      return { ...none, draft: emptyDraft(binding), key: 'scratch', created: this.#now() };
    const image = this.#image(base);
    this.#request.print(` ---> ${hexOf(image.id).slice(0, 12)}\n`);
    return { ...none, draft: draftOf(this.#store, image), key: image.id, created: image.created };
  }

  #image(name: string): StoredImage {
    const found = findImage(this.#store, name);
    if (found !== undefined && this.#request.pull === 'missing') return found;
    // The name is an id or a prefix of an id: no registry has it.
    if (found !== undefined && !found.references.includes(formatReference(parseReference(name))))
      return found;
    pullImage(this.#store, formatReference(parseReference(name)), { output: 2, quiet: this.#request.quiet });
    return needImage(this.#store, name);
  }

  #now(): string {
    const { latest } = this.#request;
    if (latest !== undefined) return timestampSeconds(BigInt(latest) * 1_000_000_000n);
    return timestamp(this.#runtime.binding.now());
  }

  /** Calls `work`; an error that it throws gets the line of the step. */
  #inPlace<T>(place: Place, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const failure = toRuntimeError(error);
      if (failure.line !== undefined || failure.code === 'internal') throw failure;
      throw failure.with({ document: place.source.name, line: place.line, column: place.column });
    }
  }

  #apply(source: Source, stage: Stage, state: State, instruction: Instruction, text: string): State {
    this.#announce(text);
    const place = placeOf(source, instruction);
    return this.#inPlace(place, () => {
      switch (instruction.keyword) {
        case 'ARG':
          return this.#argument(source, state, instruction);
        case 'RUN':
          return this.#run(place, state, instruction);
        case 'COPY':
        case 'ADD':
          return this.#copy(place, stage, state, instruction);
        default:
          if (!settingKeywords.includes(instruction.keyword))
            throw syntaxError(place, `${instruction.keyword} is not possible here`);
          return this.#setting(source, state, instruction);
      }
    });
  }

  /** Returns a function for the values of variables. Values of ENV have precedence over those of ARG. */
  #lookup({ draft, args }: State): (name: string) => string | undefined {
    const variables = environmentOf(draft.config);
    return name => variables.get(name) ?? args.get(name);
  }

  #argument(source: Source, state: State, instruction: Instruction): State {
    const { dockerfile, buildArgs } = this.#request;
    const { globals } = this.#stages;
    const fixed = platformVariables(this.#platform);
    const args = new Map(state.args);
    for (const [name, value] of argumentsOf({ ...dockerfile, source }, instruction, this.#lookup(state))) {
      this.#usedArgs.add(name);
      const found = buildArgs.get(name) ?? value ?? globals.get(name) ?? fixed.get(name);
      if (found !== undefined) args.set(name, found);
    }
    return this.#performed(state, ['ARG', instruction.text], `ARG ${instruction.text}`, () => undefined, {
      args,
    });
  }

  #setting(source: Source, state: State, instruction: Instruction): State {
    const { config, text, author } = applySetting(
      state.draft.config,
      source,
      instruction,
      this.#lookup(state),
      state.ownCommand,
    );
    const isDirectory = instruction.keyword === 'WORKDIR';
    const place = placeOf(source, instruction);
    const work = isDirectory ? () => this.#makeWorkingDirectory(place, state, config) : () => undefined;
    const next = this.#performed(state, [instruction.keyword, config, author], text, work, {
      ownCommand: state.ownCommand || instruction.keyword === 'CMD',
    });
    return { ...next, draft: { ...next.draft, config, author: author ?? next.draft.author } };
  }

  /** As with BuildKit, the new directories belong to the user of USER. */
  #makeWorkingDirectory(place: Place, state: State, config: ConfigMembers): StoredLayer | undefined {
    const path = directoryOf(config, '.');
    const user = typeof config['User'] === 'string' ? config['User'] : '';
    return this.#change(state, target => makeDirectoriesIn(target, path, idsOf(place, target, user)));
  }

  #change(state: State, work: (target: Target) => void): StoredLayer | undefined {
    return changeFiles(this.#store, this.#trees(state.draft.layers), this.#request.latest, work);
  }

  #trees(layers: readonly StoredLayer[]): string[] {
    return unpackedLayers(this.#store, { layers }, text => this.#runtime.log.warn(text));
  }

  /** Performs a step, or takes its result from an earlier build. Returns the state after it. */
  #performed(
    state: State,
    description: readonly unknown[],
    text: string,
    work: () => StoredLayer | undefined,
    more: Partial<Pick<State, 'args' | 'ownCommand'>> = {},
  ): State {
    const { latest, useCache, print } = this.#request;
    const key = stepKey(state.key, [...description, latest ?? null]);
    const known = useCache ? findStep(this.#store, key) : undefined;
    const result: StepResult = known ?? this.#perform(key, work);
    if (known !== undefined) print(' ---> Using cache\n');
    const { layer, created } = result;
    const entry = { created, created_by: text, ...(layer === undefined && { empty_layer: true }) };
    const { draft } = state;
    return {
      ...state,
      ...more,
      key,
      created,
      draft: {
        ...draft,
        layers: layer === undefined ? draft.layers : [...draft.layers, layer],
        history: [...draft.history, entry],
      },
    };
  }

  #perform(key: string, work: () => StoredLayer | undefined): StepResult {
    const layer = work();
    const result = { created: this.#now(), ...(layer !== undefined && { layer }) };
    keepStep(this.#store, key, result);
    return result;
  }

  // ---- RUN ---------------------------------------------------------------------------------------------------------

  #run(place: Place, state: State, instruction: Instruction): State {
    const { config } = state.draft;
    const network = runNetwork(place, instruction.flags) ?? this.#request.network;
    const shell = shellOf(config);
    const { words, script } = commandOf(instruction, shell);
    const variables = environmentOf(config);
    const args = [...state.args].filter(([name]) => !variables.has(name));
    const shown = args
      .filter(([name]) => !proxyVariables.includes(name))
      .map(([name, value]) => `${name}=${value}`);
    const proxies = [...this.#request.buildArgs].filter(
      ([name]) => proxyVariables.includes(name) && !variables.has(name),
    );
    const env = [...args, ...proxies].map(([name, value]) => `${name}=${value}`);
    const prefix = shown.length === 0 ? '' : `|${shown.length} ${shown.join(' ')} `;
    const text = `RUN ${prefix}${words.join(' ')}`;
    return this.#performed(state, ['RUN', words, script ?? null, shown, network], text, () =>
      this.#execute(place, state, words, script, env, network),
    );
  }

  #execute(
    place: Place,
    state: State,
    words: readonly string[],
    script: string | undefined,
    env: readonly string[],
    network: NetworkChoice,
  ): StoredLayer | undefined {
    const runtime = this.#runtime;
    const { binding } = runtime;
    const store = this.#store;
    const trees = this.#trees(state.draft.layers);
    const temporary = makeTemporary(store, 'run');
    let id: string | undefined;
    try {
      const mounts: MountRequest[] = [];
      if (script !== undefined) {
        const path = `${temporary.path}/script`;
        onHost(`unable to write ${path}`, () => binding.writeText(path, script, O.O_CREAT | O.O_EXCL, 0o755));
        const both = { type: 'bind', readOnly: true, options: [], makeSource: false, copy: false } as const;
        mounts.push({ ...both, source: path, destination: scriptPath });
      }
      const container = createDirect(
        runtime,
        store,
        { id: noImage, config: { ...readConfig(state.draft.config), Volumes: [] }, layers: trees },
        { ...plainRequest, args: words, env, network, mounts },
      );
      id = container.id;
      const status = atStep(place, () => this.#runToEnd(container));
      if (status !== 0) throw failedRun(place, words, status);
      const layer = writeLayer(store, upperOf(store, container), {
        latest: this.#request.latest,
        settle: true,
      });
      if (layer.entries > 0) adoptTree(store, upperOf(store, container).upper, layer);
      return layer.entries > 0 ? layerOf(layer) : undefined;
    } finally {
      if (id !== undefined) removeDirect(runtime, store, id, { force: true, volumes: true });
      binding.removeTree(temporary.path);
      binding.close(temporary.lock);
    }
  }

  /** Runs the program of a container with its output, and returns its exit status. */
  #runToEnd(container: DirectContainer): number {
    const runtime = this.#runtime;
    const { binding } = runtime;
    const { quiet } = this.#request;
    const { id } = container;
    const directory = containerPath(this.#store, id);
    let attachment: number | undefined;
    const open = () => openAttachment(binding, directory, { output: !quiet, removes: false });
    startDirect(runtime, this.#store, container, () => {
      attachment = open();
    });
    const end = attach(binding, directory, attachment ?? open(), {
      terminal: false,
      stdin: false,
      closeStdin: true,
    });
    if (end.how === 'signal') {
      throw new RuntimeError({
        code: 'build.interrupted',
        message: 'a signal ended the build',
        hint: 'the steps before are kept: the next build uses them',
      });
    }
    if (end.how !== 'ended')
      throw new RuntimeError({ code: 'build.interrupted', message: 'the output cannot be written' });
    releaseEnded(runtime, id);
    if (quiet && end.exit.status !== 0) {
      readLogs(binding, directory, {});
    }
    return end.exit.status;
  }

  // ---- COPY and ADD ------------------------------------------------------------------------------------------------

  #copy(place: Place, stage: Stage, state: State, instruction: Instruction): State {
    const { keyword, heredocs } = instruction;
    const { escapeMark } = place.source;
    const lookup = this.#lookup(state);
    const flags = copyFlags(place, instruction, word => expandedIn(place, word, lookup));
    const words = listWords(place.source, instruction).map(word => expandedIn(place, word, lookup));
    const written = words.slice(0, -1).filter(word => !/^\d*<<-?./.test(word));
    const last = words.at(-1) ?? '';
    if (words.length < 2)
      throw syntaxError(
        place,
        `${keyword} requires at least two arguments`,
        `write ${keyword} SOURCE ... DESTINATION`,
      );
    for (const word of written) refuseUrl(place, keyword, word);
    const path = directoryOf(state.draft.config, last);
    const isInto = last.endsWith('/') || last === '.' || last === '' || /\/\.$/.test(last);
    return this.#withSource(place, stage, flags.from, source => {
      const found = written.flatMap(word => {
        if (source === undefined) throw noContext(place, word);
        const some = findSources(source, word);
        if (some.length === 0) throw notFound(place, word, flags.from);
        return some.map(one => ({
          ...one,
          isArchive: keyword === 'ADD' && !one.isDirectory && isArchive(source, one),
        }));
      });
      if (found.length + heredocs.length > 1 && !isInto) {
        throw syntaxError(
          place,
          `when using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
        );
      }
      const texts = heredocs.map(({ name, content, expands }) => ({
        name,
        content: expands ? expandedHeredoc(content, escapeMark, lookup) : content,
      }));
      const description = [
        ...[keyword, path, isInto, flags.chown ?? null, flags.mode ?? null, texts],
        found.map(({ name, digest, isDirectory }) => [isDirectory ? '' : name, digest]),
      ];
      const shown = `${keyword} ${[...instruction.flags.map(flagText), ...words].join(' ')}`;
      return this.#performed(state, description, shown, () =>
        this.#change(state, target => {
          const attributes = ownerOf(place, target, flags);
          for (const one of found) {
            if (source === undefined) continue;
            if (one.isArchive) this.#extract(place, target, source, one, path);
            else copySource(target, source, one, path, isInto, attributes);
          }
          if (texts.length > 0) this.#writeTexts(target, texts, path, isInto, attributes);
        }),
      );
    });
  }

  /** Calls `work` with the directory that COPY takes files from. */
  #withSource<T>(
    place: Place,
    stage: Stage,
    from: string | undefined,
    work: (source: SourceRoot | undefined) => T,
  ): T {
    const { binding } = this.#runtime;
    const { context, rules } = this.#request;
    if (from === undefined) {
      if (context === undefined) return work(undefined);
      return withDirectory(binding, context, root => work({ binding, root, rules, keepsOwners: false }));
    }
    const own = findStage(this.#stages.stages, from, stage.index);
    if (findStage(this.#stages.stages, from)?.index === stage.index)
      throw syntaxError(place, `invalid from flag value ${from}: circular dependency`);
    if (own === undefined && /^\d{1,4}$/.test(from)) {
      throw syntaxError(
        place,
        `invalid from flag value ${from}: there is no stage with this number before the step`,
      );
    }
    const layers =
      own === undefined ? this.#image(from).layers : (this.#finished.get(own.index) as State).draft.layers;
    const temporary = makeTemporary(this.#store, 'from');
    try {
      const union = openUnion(
        binding,
        layers.length === 0 ? [`${temporary.path}/tree`] : this.#trees(layers),
        `${temporary.path}/tree`,
      );
      try {
        return work({ binding, root: union, rules: undefined, keepsOwners: true });
      } finally {
        binding.close(union);
      }
    } finally {
      binding.removeTree(temporary.path);
      binding.close(temporary.lock);
    }
  }

  /** Writes the texts of heredocs as files. They belong to root unless `attributes` name another owner. */
  #writeTexts(
    target: Target,
    texts: readonly { readonly name: string; readonly content: string }[],
    path: string,
    isInto: boolean,
    attributes: Attributes,
  ): void {
    const { binding, scratch } = target;
    for (const [index, { name, content }] of texts.entries()) {
      const file = `${scratch}/text-${index}`;
      binding.writeText(file, content, O.O_CREAT | O.O_EXCL, 0o644);
      withDirectory(binding, scratch, root => {
        const source = { binding, root, rules: undefined, keepsOwners: false };
        const found = { path: `/text-${index}`, name, isDirectory: false, digest: '', without: [] };
        copySource(target, source, found, path, isInto, { ...attributes, mode: attributes.mode ?? 0o644 });
      });
    }
  }

  /** Unpacks an archive of ADD into a directory. The files keep their owners. */
  #extract(place: Place, target: Target, source: SourceRoot, { path, name }: FoundSource, to: string): void {
    const { binding, scratch, root } = target;
    const tree = `${scratch}/archive`;
    binding.removeTree(tree);
    binding.mkdir(tree, 0o755);
    const fd = binding.openInRoot(source.root, path, O.O_RDONLY, 0);
    try {
      const decompress = decompressorOf(binding, compressionOfFile(binding, `/proc/self/fd/${fd}`), name);
      const { problem, limit, decompressor } = binding.unpackTree({
        ...{ source: fd, decompress, tree, lowers: [], layer: true, whiteouts: false, strict: true },
        ...{ opaque: 'trusted.overlay.opaque', hashes: false },
      });
      if (problem !== undefined || decompressor !== undefined) {
        throw syntaxError(
          place,
          `unable to unpack ${name}: ${limit === undefined ? (decompressor ?? `${problem?.reason}${problem?.syscall}`) : 'it does not fit on the disk'}`,
        );
      }
    } finally {
      binding.close(fd);
    }
    makeDirectoriesIn(target, to, { uid: 0, gid: 0 });
    withDirectory(binding, tree, from =>
      binding.copyTree({
        fromRoot: from,
        from: '/',
        toRoot: root,
        to,
        name: '',
        properties: false,
        overwrite: true,
      }),
    );
  }
}

/** The image id in the record of a step's container, which has no image yet. */
const noImage = `sha256:${'0'.repeat(64)}`;
const scriptPath = '/dev/pipes/script';

const plainRequest: ContainerRequest = {
  image: 'build',
  args: [],
  entrypoint: '',
  env: [],
  groups: [],
  terminal: false,
  openStdin: false,
  remove: false,
  discard: true,
  labels: {},
  mounts: [],
  network: 'none',
  ports: [],
  exposed: [],
  capAdd: [],
  capDrop: [],
  readOnly: false,
  privileged: false,
  devices: [],
  cdiDevices: [],
  security: { noNewPrivileges: false, unmasked: false },
  ulimits: [],
  sysctls: {},
  init: false,
  hosts: [],
  dns: [],
};

/** Returns the words of RUN, and the text of the script that they execute, if a heredoc contains one. */
function commandOf(
  { list, text, heredocs }: Instruction,
  shell: readonly string[],
): { words: readonly string[]; script?: string } {
  if (list !== undefined) return { words: list };
  const [first] = heredocs;
  if (first === undefined) return { words: [...shell, text] };
  if (/^\d*<<-?\S+$/.test(text.trim())) {
    if (first.content.startsWith('#!')) return { words: [scriptPath], script: first.content };
    return { words: [...shell, first.content] };
  }
  const bodies = heredocs.map(({ name, content }) => `${content}${name}`);
  return { words: [...shell, [text, ...bodies].join('\n')] };
}

/** Replaces the pointer of a failed start by the line of the step: the user has not written the step's config.json. */
function atStep<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuntimeError) || !error.code.startsWith('container.')) throw error;
    const { source, line, column } = place;
    throw error.with({ document: source.name, line, column, pointer: undefined });
  }
}

function failedRun(place: Place, words: readonly string[], status: number): RuntimeError {
  return new RuntimeError({
    code: 'build.step',
    message: `the command '${visibleLine(words.join(' '))}' returned a non-zero code: ${status}`,
    document: place.source.name,
    line: place.line,
    column: place.column,
    value: String(status),
  });
}

const withBuildKit = 'use: docker buildx build';

function runNetwork(place: Place, flags: readonly Flag[]): NetworkChoice | undefined {
  let network: NetworkChoice | undefined;
  for (const { name, value = '' } of flags) {
    if (name === 'mount')
      throw unsupported(place, `RUN --mount=${value}`, `${withBuildKit}, or copy the files with COPY`);
    if (name === 'security' || name === 'device') throw unsupported(place, `RUN --${name}`, withBuildKit);
    if (name !== 'network') throw syntaxError(place, `RUN has no flag --${name}`);
    network = unattachedNetworks[value];
    if (network === undefined && value !== 'default')
      throw syntaxError(place, `invalid --network ${JSON.stringify(value)}`, 'it is default, none or host');
  }
  return network;
}

interface CopyFlags {
  readonly from?: string;
  readonly chown?: string;
  readonly mode?: number;
}

function copyFlags(
  place: Place,
  { keyword, flags }: Instruction,
  expand: (word: string) => string,
): CopyFlags {
  let found: CopyFlags = {};
  for (const { name, value } of flags) {
    const text = value === undefined ? '' : expand(value);
    if (name === 'link') continue;
    if (name === 'from' && keyword === 'COPY') found = { ...found, from: text };
    else if (name === 'chown') found = { ...found, chown: text };
    else if (name === 'chmod') {
      if (!/^[0-7]{3,4}$/.test(text))
        throw syntaxError(
          place,
          `invalid chmod parameter: ${JSON.stringify(text)}`,
          'it is an octal number: 755',
        );
      found = { ...found, mode: Number.parseInt(text, 8) };
    } else if (['parents', 'exclude', 'checksum', 'keep-git-dir', 'unpack'].includes(name))
      throw unsupported(place, `${keyword} --${name}`, withBuildKit);
    else throw syntaxError(place, `${keyword} has no flag --${name}`);
  }
  return found;
}

function flagText({ name, value }: Flag): string {
  return value === undefined ? `--${name}` : `--${name}=${value}`;
}

function refuseUrl(place: Place, keyword: string, word: string): void {
  if (keyword === 'ADD' && (/^(https?|ftp):\/\//.test(word) || /^git@|^git:\/\/|\.git(#|$)/.test(word)))
    throw unsupported(
      place,
      `ADD of ${word}`,
      'download it into the context, or with RUN wget or RUN git clone',
    );
}

/** The owner that `--chown` gives. */
function ownerOf(place: Place, target: Target, { chown, mode }: CopyFlags): Attributes {
  if (chown === undefined || chown === '') return { uid: undefined, gid: undefined, mode };
  return { ...idsOf(place, target, chown), mode };
}

/** The numbers of `USER[:GROUP]`. As with Docker, a number without a group has the group of the same number. */
function idsOf(place: Place, { binding, root }: Target, text: string): { uid: number; gid: number } {
  const isNumber = /^\d+(:\d+)?$/.test(text);
  const read = (path: string) => (isNumber ? '' : readInRoot(binding, root, path));
  try {
    const { uid, gid } = findUser(text, { passwd: read('/etc/passwd'), group: read('/etc/group') });
    return { uid, gid: isNumber && !text.includes(':') ? uid : gid };
  } catch (error) {
    throw error instanceof RuntimeError ? syntaxError(place, error.message, error.hint) : error;
  }
}

function notFound(place: Place, word: string, from: string | undefined): RuntimeError {
  const where =
    from === undefined ? 'in the build context, or it is excluded by .dockerignore' : `in ${from}`;
  return new RuntimeError({
    code: 'build.no-file',
    message: `${word}: not found ${where}`,
    document: place.source.name,
    line: place.line,
    column: place.column,
    value: word,
  });
}

function noContext(place: Place, word: string): RuntimeError {
  return new RuntimeError({
    code: 'build.no-file',
    message: `${word}: there is no build context`,
    document: place.source.name,
    line: place.line,
    column: place.column,
    value: word,
    hint: 'give the directory of the files: tsubo image build -f FILE DIRECTORY',
  });
}

/** Returns true if the first bytes are those of a tar archive, plain or compressed. */
function isArchive({ binding, root }: SourceRoot, { path }: FoundSource): boolean {
  const fd = binding.openInRoot(root, path, O.O_RDONLY | O.O_NONBLOCK, 0);
  try {
    const file = `/proc/self/fd/${fd}`;
    if (compressionOfFile(binding, file) !== 'none') return /\.(tar(\.\w+)?|tgz|tbz2?|txz|tzst)$/.test(path);
    const start = binding.readStart(file, 263);
    return String.fromCharCode(...start.subarray(257, 262)) === 'ustar';
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  } finally {
    binding.close(fd);
  }
}
