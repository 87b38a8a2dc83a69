// SPDX-License-Identifier: Apache-2.0

/** The build (esbuild) collects imported styles in page.css. */
declare module '*.css';
