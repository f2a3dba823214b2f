/** What is read of a message type's description. */
export interface FieldShape {
  readonly no: number
  readonly name: string
  readonly localName: string
  readonly kind: string
  readonly repeat?: unknown
  readonly oneof?: string
  /** presence is told from the default */
  readonly opt?: boolean
  /** a scalar's number; of an enum or a message a function that answers it */
  readonly T?: unknown
  /** a map's keys */
  readonly K?: unknown
  /** a map's values */
  readonly V?: { readonly kind: string; readonly T?: unknown }
}

export interface MessageShape {
  readonly typeName: string
  readonly fields: readonly FieldShape[]
}

/** The message that a field holds; undefined when it holds something else, or a map. */
export const messageOf = (field: FieldShape): MessageShape | undefined =>
  field.kind === 'message' ? (field.T as () => MessageShape)() : undefined

/** The message that a map's entries hold. */
export const mapValueOf = (field: FieldShape): MessageShape | undefined =>
  field.kind === 'map' && field.V?.kind === 'message' ? (field.V.T as () => MessageShape)() : undefined
