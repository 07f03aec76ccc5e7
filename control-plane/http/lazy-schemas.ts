import buildAjv, { type BuildCompilerFromPool, type RouteDefinition } from '@fastify/ajv-compiler';
import buildSerializers, { type SerializerFactory } from '@fastify/fast-json-stringify-compiler';

type Compile = ReturnType<BuildCompilerFromPool>;
type Validate = ReturnType<Compile>;

/*
 * A route's schemas become code with its first request, and not all of them at the start: that took 0.2 s
 * of a processor and 10 MiB of each replica of the API. Tests ask every route.
 */

export const buildLazyValidator: BuildCompilerFromPool = (...settings) => {
  const compile = buildAjv()(...settings);
  return (route) => {
    let compiled: Validate | undefined;
    const validate = (data: unknown) => {
      compiled ??= compile(withHeaderNames(route));
      const isValid = compiled(data);
      Object.assign(validate, { errors: compiled.errors });
      return isValid;
    };
    // Of what Ajv makes, fastify calls it and reads its errors.
    return validate as Validate;
  };
};

export const buildLazySerializer: SerializerFactory = (...settings) => {
  const compile = buildSerializers()(...settings);
  return (route) => {
    let serialise: ReturnType<typeof compile> | undefined;
    return (answer) => {
      serialise ??= compile(route);
      return serialise(answer);
    };
  };
};

/** Node has the names of headers in lower case; with compilers of its own fastify leaves this to them. */
function withHeaderNames(route: Parameters<Compile>[0]): Parameters<Compile>[0] {
  // What the types call a schema is the route with its schema.
  const { httpPart, schema } = route as unknown as RouteDefinition & { schema: HeaderSchema };
  if (httpPart !== 'headers') return route;
  const lower = Object.entries(schema.properties).map(([name, one]) => [name.toLowerCase(), one]);
  const properties: unknown = Object.fromEntries(lower);
  return Object.assign({}, route, { schema: { ...schema, properties } });
}

interface HeaderSchema {
  readonly properties: Readonly<Record<string, unknown>>;
}
