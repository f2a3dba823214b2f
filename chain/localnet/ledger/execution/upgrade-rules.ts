/** Why `next` may not replace `current` under the policy; undefined when it may. */
export function checkUpgrade(
  _policy: number,
  _current: readonly Uint8Array[],
  _next: readonly Uint8Array[],
): string | undefined {
  return undefined
}
