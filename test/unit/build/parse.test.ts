// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '../../../src/build/parse.ts';
import type { RuntimeError } from '../../../src/errors/error.ts';

const parse = (text: string) => parseDockerfile(text, 'Dockerfile').instructions;
const short = (text: string) =>
  parse(text).map(({ keyword, text: rest, line, lastLine }) => [keyword, rest, line, lastLine]);

function problem(text: string): Partial<RuntimeError> {
  try {
    parse(text);
  } catch (error) {
    const { code, message, line, column, hint, document } = error as RuntimeError;
    return { code, message, line, column, hint, document } as Partial<RuntimeError>;
  }
  throw new Error('no error');
}

describe('a Dockerfile', () => {
  test('has one instruction in each line, with capital keywords and without comments', () => {
    expect(short('# a\n\nfrom busybox AS b\r\n  Run echo a  \n#x\nCMD sh')).toEqual([
      ['FROM', 'busybox AS b', 3, 3],
      ['RUN', 'echo a', 4, 4],
      ['CMD', 'sh', 6, 6],
    ]);
  });

  test('continues lines, over comments and empty lines', () => {
    expect(short('RUN a && \\\n# no\n\n  b \\  \n  c\nRUN x\\\\\nUSER u')).toEqual([
      ['RUN', 'a &&   b   c', 1, 5],
      ['RUN', 'x\\\\', 6, 6],
      ['USER', 'u', 7, 7],
    ]);
  });

  test('may have another character that continues lines', () => {
    expect(short('# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n b\nCOPY c:\\ d\\')).toEqual([
      ['RUN', 'a  b', 3, 4],
      ['COPY', 'c:\\ d\\', 5, 5],
    ]);
    // Only before everything else.
    expect(short('FROM a\n# escape=`\nRUN a \\\n b')).toEqual([
      ['FROM', 'a', 1, 1],
      ['RUN', 'a  b', 3, 4],
    ]);
  });

  test('has flags in front, with quotes', () => {
    const [copy] = parse('COPY --from=build --chown="a b":c --link /a /b');
    expect(copy?.flags).toEqual([
      { name: 'from', value: 'build' },
      { name: 'chown', value: 'a b:c' },
      { name: 'link', value: undefined },
    ]);
    expect(copy?.text).toBe('/a /b');
  });

  test.each([
    ['CMD ["a", "b c"]', ['a', 'b c']],
    ["CMD ['a']", undefined],
    ['CMD ["a", 1]', undefined],
    ['RUN [ "x" = y ]', undefined],
    ['ENV ["a"]', undefined],
  ])('%s has the list %j', (text, list) => {
    expect(parse(text)[0]?.list).toEqual(list);
  });

  test('has heredocs, several in a line, with and without variables and tabs', () => {
    const [run, copy, last] = parse(
      'RUN <<EOF cat\na $A\n# no comment\nEOF\nCOPY <<"one" <<-two /dst/\nx\none\n\t\ty\n\ttwo\nRUN echo "<<EOF"',
    );
    expect(run?.heredocs).toEqual([
      { name: 'EOF', content: 'a $A\n# no comment\n', expands: true, chomps: false },
    ]);
    expect(copy?.heredocs).toEqual([
      { name: 'one', content: 'x\n', expands: false, chomps: false },
      { name: 'two', content: 'y\n', expands: true, chomps: true },
    ]);
    expect([run?.lastLine, copy?.line, copy?.lastLine]).toEqual([4, 5, 9]);
    expect(last?.heredocs).toEqual([]);
  });
});

describe('an error of a Dockerfile', () => {
  test.each([
    ['FROM a\n\n  RNU x', 3, 3, 'unknown instruction "RNU"', 'did you mean RUN?'],
    ['FROM a\nRUN', 2, 1, 'RUN requires at least one argument', undefined],
    ['FROM a\nRUN <<EOF\nx', 2, 1, 'unterminated heredoc: the line "EOF" is missing', undefined],
    ['# escape=x\nFROM a', 1, 10, 'invalid escape character "x"', 'it is \\ or `'],
  ])('%j is at %i:%i', (text, line, column, message, hint) => {
    expect(problem(text)).toEqual({
      code: 'build.syntax',
      document: 'Dockerfile',
      line,
      column,
      message,
      hint,
    });
  });
});
