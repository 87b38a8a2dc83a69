// SPDX-License-Identifier: Apache-2.0
import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';
import { isDark, onThemeChange } from './theme.ts';

/** The colours of a terminal; the contrast of each with the background is at least 4.5. */
const light: ITheme = {
  background: '#fbfbfa',
  foreground: '#1f2328',
  cursor: '#1f2328',
  selectionBackground: '#bcd7e6',
  black: '#1f2328',
  red: '#b3261e',
  green: '#1a6e34',
  yellow: '#7d5700',
  blue: '#1f5fa8',
  magenta: '#8a3a9c',
  cyan: '#14697a',
  white: '#5c636a',
  brightBlack: '#5c636a',
  brightRed: '#c0322a',
  brightGreen: '#1a6e34',
  brightYellow: '#7d5700',
  brightBlue: '#1f5fa8',
  brightMagenta: '#8a3a9c',
  brightCyan: '#14697a',
  brightWhite: '#1f2328',
};
const dark: ITheme = {
  background: '#14171a',
  foreground: '#d9dde1',
  cursor: '#d9dde1',
  selectionBackground: '#2f5468',
  black: '#6b737b',
  red: '#f2857d',
  green: '#79c98f',
  yellow: '#dcb65c',
  blue: '#7fb4ea',
  magenta: '#d195e0',
  cyan: '#6cc4d3',
  white: '#d9dde1',
  brightBlack: '#8d969e',
  brightRed: '#ff9d96',
  brightGreen: '#93dba7',
  brightYellow: '#ecc975',
  brightBlue: '#9cc7f4',
  brightMagenta: '#e0aeec',
  brightCyan: '#8ad6e3',
  brightWhite: '#ffffff',
};

const open = new Set<Terminal>();
onThemeChange(() => {
  for (const terminal of open) terminal.options.theme = isDark() ? dark : light;
});

export interface TerminalView {
  readonly terminal: Terminal;
  dispose(): void;
}

/** @param interactive - keys go to `terminal.onData`; otherwise the terminal only shows text */
export function showTerminal(place: HTMLElement, interactive: boolean): TerminalView {
  const terminal = new Terminal({
    theme: isDark() ? dark : light,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
    fontSize: 13,
    scrollback: 10_000,
    cursorBlink: false,
    screenReaderMode: true,
    disableStdin: !interactive,
    // A log has line feeds only.
    convertEol: !interactive,
    // A program in a container must not open other pages.
    linkHandler: { activate: () => {} },
    cursorStyle: interactive ? 'block' : 'underline',
    cursorInactiveStyle: interactive ? 'outline' : 'none',
  });
  const fitter = new FitAddon();
  terminal.loadAddon(fitter);
  terminal.open(place);
  const resize = (): void => {
    if (place.clientWidth > 0) fitter.fit();
  };
  const observer = new ResizeObserver(resize);
  observer.observe(place);
  resize();
  open.add(terminal);
  return {
    terminal,
    dispose: () => {
      observer.disconnect();
      open.delete(terminal);
      terminal.dispose();
    },
  };
}
