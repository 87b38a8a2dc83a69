// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv, { type ValidateFunction } from 'ajv-draft-04';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/bundle/json.ts';
import { featuresDocument } from '../../src/cli/features-document.ts';
import { checkConfig } from '../../src/validate/check.ts';
import { schema } from '../helpers/schemas.ts';
import { configWith } from './validate/config.ts';

// The schemas and examples of the specification: TSUBO_OCI_SCHEMA names its directory `schema`.
const home = process.env['TSUBO_OCI_SCHEMA'] ?? '';

function validator(name: string): ValidateFunction {
  // Formats are only hints there: "uint32" also applies to numbers.
  const ajv = new Ajv.default({ strict: false, validateFormats: false, allErrors: true });
  for (const file of readdirSync(home).filter(each => each.endsWith('.json'))) {
    ajv.addSchema(JSON.parse(readFileSync(join(home, file), 'utf8')) as object, file);
  }
  return ajv.getSchema(`${name}-schema.json`) as ValidateFunction;
}

const examples = (kind: string, verdict: string) => {
  const directory = join(home, 'test', kind, verdict);
  return readdirSync(directory).map(file => [file, readFileSync(join(directory, file), 'utf8')] as const);
};

/** Configs that the schema allows but from which no container can be made, with the expected error codes. */
const beyondTheSchema: Readonly<Record<string, readonly string[]>> = {
  // The schema describes a document; starting a container requires a process, and moving devices a network namespace.
  'minimal.json': ['config.process.required'],
  'linux-netdevice.json': ['config.process.required', 'config.net-device'],
  'linux-rdma.json': ['config.process.required'],
  // Properties of other platforms are ignored; here a hostname requires a namespace.
  'freebsd-minimal.json': ['config.process.required'],
  'zos-minimal.json': ['config.process.required'],
  'freebsd-example.json': ['config.hostname'],
  'zos-example.json': ['config.hostname'],
};

/** Configs that the schema refuses because of another platform. */
const ofOthers = ['freebsd-vnet-disable.json'];

function problemsOf(text: string): string[] {
  return checkConfig(parseJson(text))
    .problems.map(({ code }) => code)
    .filter(code => code !== 'config.unsupported');
}

if (existsSync(home)) {
  describe('an example config of the specification', () => {
    it.each(examples('config', 'good'))('%s is valid', (file, text) => {
      expect(problemsOf(text)).toEqual(beyondTheSchema[file] ?? []);
    });

    it.each(examples('config', 'good').filter(([file]) => file.startsWith('linux-')))(
      '%s is valid with a process',
      (file, text) => {
        const { process } = configWith() as { process: object };
        const others = (beyondTheSchema[file] ?? []).filter(code => code !== 'config.process.required');
        expect(problemsOf(JSON.stringify({ ...JSON.parse(text), process }))).toEqual(others);
      },
    );

    it.each(examples('config', 'bad').filter(([file]) => !ofOthers.includes(file)))(
      '%s is invalid, for more than a missing process',
      (_, text) => {
        let codes: string[];
        try {
          codes = problemsOf(text);
        } catch (error) {
          codes = [(error as { code: string }).code];
        }
        expect(codes.filter(code => code !== 'config.process.required')).not.toEqual([]);
      },
    );
  });

  describe('the schema', () => {
    it.each(['config', 'features', 'state'])('of %s accepts its examples, as tsubo does', kind => {
      const validate = validator(kind);
      for (const [file, text] of examples(kind, 'good'))
        expect([file, validate(JSON.parse(text)), validate.errors]).toEqual([file, true, null]);
      for (const [file, text] of examples(kind, 'bad')) {
        if (file !== 'invalid-json.json') expect([file, validate(JSON.parse(text))]).toEqual([file, false]);
      }
    });

    it.each(['features', 'state'] as const)('of %s agrees with the one of the tests', kind => {
      const validate = schema(kind);
      for (const verdict of ['good', 'bad']) {
        for (const [file, text] of examples(kind, verdict)) {
          if (file !== 'invalid-json.json')
            expect([file, validate(JSON.parse(text))]).toEqual([file, verdict === 'good']);
        }
      }
    });

    it.each([
      [5, 10],
      [6, 18],
    ])('accepts the features on a kernel %i.%i', (major, minor) => {
      const validate = validator('features');
      expect([validate(featuresDocument({ release: '', major, minor })), validate.errors]).toEqual([
        true,
        null,
      ]);
    });
  });
} else {
  it('the schemas of the specification', context =>
    context.skip('no schemas: TSUBO_OCI_SCHEMA names no directory'));
}
