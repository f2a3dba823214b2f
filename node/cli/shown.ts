import { visible } from '../../base/visible.ts'

/**
 * Text for people whose lines are the program's own: what was filled in - a file's name, a stranger's words - stays on its
 * line and steers nothing. Only `shown` and `lines` make it, and outputs take nothing else.
 */
export class Shown {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static of(text: string): Shown {
    return new Shown(text)
  }

  toString(): string {
    return this.#text
  }
}

/** Fills a text in: strings are made harmless, what is `Shown` already stays as it is. */
export function shown(texts: TemplateStringsArray, ...values: readonly (Shown | string | number)[]): Shown {
  const filled = values.map(value => (value instanceof Shown ? value.toString() : visible(value)))
  return Shown.of(texts.reduce((all, text, i) => all + filled[i - 1] + text))
}

/** One below the other. */
export function lines(all: readonly Shown[]): Shown {
  return Shown.of(all.join('\n'))
}
