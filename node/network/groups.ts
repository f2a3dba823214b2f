/** Guests by what they have in common, in order of arrival: who has most makes way first. */
export class Groups<Guest> {
  readonly #groups = new Map<string, Set<Guest>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  count(name: string): number {
    return this.#groups.get(name)?.size ?? 0
  }

  of(name: string): Iterable<Guest> {
    return this.#groups.get(name) ?? []
  }

  *all(): Iterable<Guest> {
    for (const group of this.#groups.values()) yield* group
  }

  /** Of all names that have the most. */
  *ofLargest(): Iterable<Guest> {
    const most = Math.max(0, ...[...this.#groups.values()].map(({ size }) => size))
    for (const group of this.#groups.values()) if (group.size === most) yield* group
  }

  add(name: string, guest: Guest): void {
    const group = this.#groups.get(name) ?? new Set<Guest>()
    this.#groups.set(name, group)
    if (group.has(guest)) return
    group.add(guest)
    this.#size++
  }

  /** Whether it was there. */
  remove(name: string, guest: Guest): boolean {
    const group = this.#groups.get(name)
    if (group?.delete(guest) !== true) return false
    if (group.size === 0) this.#groups.delete(name)
    this.#size--
    return true
  }
}
