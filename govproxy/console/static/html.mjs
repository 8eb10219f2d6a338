// The one place that knows how markup is made: htm over Preact, no build step. Values become text, never HTML.
import { h, render } from "./vendor/preact.mjs";
import { useCallback, useEffect, useMemo, useRef, useState } from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";

export const html = htm.bind(h);
export { render, useCallback, useEffect, useMemo, useRef, useState };
