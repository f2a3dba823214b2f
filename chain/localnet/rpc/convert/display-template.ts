import { CodedError, type NoDetails } from '../../../../base/coded-error.ts'

/** A field that cannot be displayed; the message is for the caller. */
export class DisplayError extends CodedError<{ NOT_DISPLAYABLE: NoDetails }> {
  override readonly name = 'DisplayError'

  constructor(message: string) {
    super('NOT_DISPLAYABLE', message, {})
  }
}

/** The name of a field, or its position. */
export type Step = string

export interface Expression {
  /** the first that leads somewhere counts */
  paths: Step[][]
  transform: Transform
  /** when no path leads somewhere the whole template shows nothing, instead of nothing in this place */
  isOptional: boolean
}

const TRANSFORMS = ['str', 'hex', 'base64', 'ts', 'url'] as const
export type Transform = (typeof TRANSFORMS)[number]

/** Texts, and what to look up between them. */
export type Template = (string | Expression)[]

const MAX_EXPRESSIONS = 256

/**
 * Takes a template apart. Those of a publisher's display have paths, `{cut.name}`, and `\{` for a brace; those of the
 * registry double their braces, `{{`, and have alternatives and transformations besides: `{note | name : url}`.
 * Throws DisplayError.
 */
export function templateOf(source: string, syntax: 'publisher' | 'registry'): Template {
  const parts: Template = []
  let literal = ''
  let expressions = 0
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!
    const isEscape = syntax === 'publisher' ? char === '\\' : '{}'.includes(char) && source[i + 1] === char
    if (isEscape) {
      literal += source[++i] ?? ''
    } else if (char === '{') {
      const end = source.indexOf('}', i)
      if (end < 0) throw new DisplayError('a { has no }')
      if (++expressions > MAX_EXPRESSIONS) throw new DisplayError(`more than ${MAX_EXPRESSIONS} expressions`)
      parts.push(literal, expressionOf(source.slice(i + 1, end), syntax))
      literal = ''
      i = end
    } else if (char === '}') {
      throw new DisplayError('a } has no {')
    } else {
      literal += char
    }
  }
  parts.push(literal)
  return parts
}

const STEP = /^[A-Za-z0-9_]+$/

function pathOf(text: string): Step[] {
  const steps = text
    .trim()
    .split('.')
    .map(name => name.trim())
  if (steps.some(name => !STEP.test(name))) throw new DisplayError(`{${text}} is no path of fields`)
  return steps
}

function expressionOf(text: string, syntax: 'publisher' | 'registry'): Expression {
  if (syntax === 'publisher') return { paths: [pathOf(text)], transform: 'str', isOptional: false }
  const [chains = '', transform = 'str', ...more] = text.split(':').map(part => part.trim())
  if (more.length > 0 || !isTransform(transform))
    throw new DisplayError(`{${text}} has a transformation that is not known here`)
  // `$self` is the object itself
  const relative = chains.split('|').map(chain => chain.trim().replace(/^\$self(\.|$)/, ''))
  return { paths: relative.map(path => (path === '' ? [] : pathOf(path))), transform, isOptional: true }
}

const isTransform = (name: string): name is Transform => (TRANSFORMS as readonly string[]).includes(name)

/** A value to stand in a text. A string has both forms, bytes and numbers have one. */
export interface Shown {
  text?: string
  bytes?: Uint8Array
}

/** Throws DisplayError when the value does not allow the transformation. */
export function transformed(transform: Transform, { text, bytes }: Shown): string {
  switch (transform) {
    case 'hex':
    case 'base64':
      if (bytes !== undefined) return Buffer.from(bytes).toString(transform)
      throw new DisplayError(`only bytes and strings can be displayed as ${transform}`)
    case 'url':
      return encodeURIComponent(text ?? Buffer.from(bytes ?? []).toString('latin1'))
    case 'ts': {
      const date = new Date(Number(text))
      if (bytes !== undefined || Number.isNaN(date.getTime()))
        throw new DisplayError('only milliseconds since 1970 can be displayed as a time')
      return date.toISOString()
    }
    case 'str':
      if (text !== undefined) return text
      throw new DisplayError('bytes can be displayed as hex or base64 only')
  }
}
