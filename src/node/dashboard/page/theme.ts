// SPDX-License-Identifier: Apache-2.0

const storageName = 'tsubo-theme';
const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const preference = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];

export function theme(): Theme {
  const stored = localStorage.getItem(storageName);
  return themes.find(each => each === stored) ?? 'auto';
}

export function isDark(): boolean {
  const chosen = theme();
  return chosen === 'auto' ? preference.matches : chosen === 'dark';
}

/** Sets the next of auto, light, dark. */
export function nextTheme(): void {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length] ?? 'auto';
  localStorage.setItem(storageName, next);
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme();
  for (const listener of listeners) listener();
}

export function onThemeChange(listener: () => void): void {
  listeners.push(listener);
}

preference.addEventListener('change', applyTheme);
