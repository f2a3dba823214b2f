import { defined } from './defined.ts'

/** What was given, and the defaults for what was not: what is undefined counts as not given. */
export function withDefaults<All extends object>(defaults: All, given: Partial<All> = {}): All {
  return { ...defaults, ...defined(given) }
}
