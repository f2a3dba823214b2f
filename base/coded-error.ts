/**
 * An error with a `code` of a closed list and the data that belongs to it. `Details` is the table: what each code carries.
 * Each folder has one class of its own, with a `name`; what it was caused by is its `cause`.
 */
export class CodedError<
  Details extends object,
  Code extends keyof Details & string = keyof Details & string,
> extends Error {
  readonly code: Code
  readonly details: Readonly<Details[Code]>

  constructor(code: Code, message: string, details: Details[Code], options?: ErrorOptions) {
    // an error without a cause has none, not an undefined one
    super(message, options?.cause === undefined ? undefined : options)
    this.code = code
    this.details = details
  }
}

/** What a code carries that says everything. */
export type NoDetails = Record<never, never>
