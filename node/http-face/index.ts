export { createHttpFace, type HttpFace } from './face.ts'
export { DEFAULT_FACE_LIMITS, type HttpFaceInit } from './options.ts'
