/** Errors of reading and writing an open file do not say of which file: these do. Others pass as they are. */
export async function nameFile<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (cause) {
    const { code, path: known, message } = cause as NodeJS.ErrnoException
    if (code === undefined || known !== undefined) throw cause
    throw Object.assign(new Error(`${path}: ${message}`, { cause }), { code, path })
  }
}
