// @ts-check
/** How the status element and the notices look. docs/client-status.md lists the variables that a page may set. */

/** Of both: colours by the page's color-scheme, buttons, icons. */
export const SHARED = `
:host {
  --_text: var(--holdfast-text, light-dark(#1b1f24, #eceff3));
  --_muted: var(--holdfast-muted, light-dark(#57606a, #a3adb8));
  --_surface: var(--holdfast-surface, light-dark(#fff, #1d2127));
  --_hover: var(--holdfast-hover, light-dark(#f1f3f5, #2a2f37));
  --_border: var(--holdfast-border, light-dark(#d5dae0, #3a414b));
  --_good: var(--holdfast-good, light-dark(#117a3d, #4cc38a));
  --_fair: var(--holdfast-fair, light-dark(#8a5a00, #e5b454));
  --_bad: var(--holdfast-bad, light-dark(#b3261e, #ff8f86));
  --_accent: var(--holdfast-accent, light-dark(#1f5fbf, #8ab8ff));
  --_radius: var(--holdfast-radius, 12px);
  --_shadow: var(--holdfast-shadow, 0 6px 24px rgb(0 0 0 / 16%));
  font: 400 14px/1.4 var(--holdfast-font, system-ui, sans-serif);
  color: var(--_text);
  text-align: start;
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
button {
  font: inherit; color: inherit; background: none; border: 0; margin: 0; cursor: pointer;
  min-block-size: 44px; min-inline-size: 44px; border-radius: calc(var(--_radius) - 4px);
  touch-action: manipulation;
}
button:hover { background: var(--_hover); }
button:focus-visible { outline: 2px solid var(--_accent); outline-offset: -2px; }
button[aria-disabled="true"] { color: var(--_muted); cursor: default; background: none; }
.action { padding: 0 12px; font-weight: 600; color: var(--_accent); white-space: nowrap; }
svg { inline-size: 20px; block-size: 20px; flex: none; fill: none; stroke: currentcolor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.hidden-text { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (forced-colors: active) {
  button { border: 1px solid ButtonText; }
  svg { stroke: CanvasText; }
  button[aria-disabled="true"] { color: GrayText; border-color: GrayText; }
}
`;

export const STATUS = `
:host { display: grid; grid-template-columns: minmax(0, 1fr); container-type: inline-size; min-inline-size: 11rem; max-inline-size: var(--holdfast-max-width, 34rem); }
.box {
  display: flex; flex-wrap: wrap; align-items: center; min-block-size: 52px; /* of a label with a line below */
  background: var(--_surface); border: 1px solid var(--_border); border-radius: var(--_radius);
}
.summary { display: flex; align-items: center; gap: 10px; flex: 1 1 11rem; min-inline-size: 0; padding: 6px 8px 6px 12px; text-align: start; border-radius: calc(var(--_radius) - 1px); }
.words { flex: 1; min-inline-size: 0; }
.label { display: flex; align-items: center; gap: 4px; font-weight: 600; }
.note { display: block; color: var(--_muted); font-size: 13px; line-height: 1.35; text-wrap: pretty; }
.countdown { font-variant-numeric: tabular-nums; display: inline-block; }
.box .action { margin-inline: auto 4px; }
.good { color: var(--_good); }
.fair { color: var(--_fair); }
.bad { color: var(--_bad); }
.muted, .more { color: var(--_muted); }
.more { inline-size: 15px; block-size: 15px; }
.bars { display: flex; align-items: end; gap: 2px; block-size: 14px; flex: none; }
.bars i { inline-size: 4px; block-size: 5px; border-radius: 1px; border: 1px solid currentcolor; }
.bars i:nth-child(2) { block-size: 9px; }
.bars i:nth-child(3) { block-size: 14px; }
.bars i.on { background: currentcolor; }
.turning { animation: turn 1s linear infinite; }
@keyframes turn { to { rotate: 1turn; } }
@container (max-width: 19.9rem) {
  .box > .action, .summary .note { display: none; }
  .summary { flex-basis: 0; }
}
@container (min-width: 20rem) { .panel .action.main { display: none; } }

.panel {
  position: fixed; inset: auto; margin: 0; padding: 16px; inline-size: min(22rem, 100vw - 16px); max-block-size: min(30rem, 100dvh - 16px); overflow: auto;
  background: var(--_surface); color: var(--_text); border: 1px solid var(--_border); border-radius: var(--_radius); box-shadow: var(--_shadow);
}
.panel p { margin: 0 0 4px; }
.panel .title { font-weight: 600; }
.panel .hint, .panel .countdown { display: block; color: var(--_muted); }
dl { display: grid; grid-template-columns: auto 1fr; gap: 6px 16px; margin: 12px 0 4px; padding-block-start: 12px; border-block-start: 1px solid var(--_border); }
dt { color: var(--_muted); }
dd { margin: 0; text-align: end; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.attempt { grid-column: 1 / -1; }
dd.attempt { margin-block-start: -4px; text-align: start; font: 12px/1.5 ui-monospace, monospace; user-select: all; }
.tools { display: flex; flex-wrap: wrap; justify-content: end; margin: 4px -8px -8px; }
@media (forced-colors: active) {
  .summary { border: 0; }
  .bars i { border-color: CanvasText; }
  .bars i.on { background: CanvasText; forced-color-adjust: none; }
}
@media (prefers-reduced-motion: reduce) { .turning { animation: none; } }
`;

export const TOASTS = `
:host {
  position: fixed; z-index: var(--holdfast-toasts-layer, 2147483000); pointer-events: none;
  inset-block-end: max(16px, env(safe-area-inset-bottom)); inset-inline-end: max(16px, env(safe-area-inset-right)); inline-size: min(24rem, 100vw - 32px);
}
.stack > div { display: grid; }
.toast {
  display: grid; grid-template-columns: auto 1fr auto; gap: 0 12px; pointer-events: auto; margin-block-start: 8px; padding: 6px 6px 6px 16px;
  background: var(--_surface); border: 1px solid var(--_border); border-radius: var(--_radius); box-shadow: var(--_shadow);
  animation: rise 180ms ease-out;
}
.toast > svg { margin-block-start: 12px; color: var(--_fair); }
.toast.urgent > svg { color: var(--_bad); }
.words { padding-block: 11px 4px; min-inline-size: 0; }
.title { margin: 0; font-weight: 600; text-wrap: pretty; }
.hint { margin: 2px 0 0; color: var(--_muted); font-size: 13px; text-wrap: pretty; }
.action { grid-column: 2 / 4; justify-self: start; margin-inline-start: -12px; }
.dismiss { display: grid; place-items: center; align-self: start; color: var(--_muted); }
.dismiss svg { inline-size: 16px; block-size: 16px; }
@keyframes rise { from { opacity: 0; translate: 0 8px; } }
@media (prefers-reduced-motion: reduce) { .toast { animation: none; } }
@media (forced-colors: active) { .action { margin-inline-start: 0; } }
@media print { :host { display: none; } }
`;
