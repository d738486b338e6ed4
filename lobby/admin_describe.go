package lobby

import _ "embed"

// adminOpenAPI is what all calls of an Admin have in common; the calls are put in.
//
//go:embed admin.yaml
var adminOpenAPI []byte

// describeAdmin is the description that an Admin serves.
func describeAdmin(all []adminRoute) ([]byte, error) {
	byShape := map[string]*adminRoute{}
	routes := make([]route, len(all))
	for i, r := range all {
		byShape[shape(r.method, r.path)], routes[i] = &all[i], r.route
	}
	return describe(adminOpenAPI, AdminPrefix, routes, func(r route, path string) object {
		return byShape[shape(r.method, r.path)].operation(path)
	})
}

// operation describes the route. Every problem may come as default: Problem lists the codes.
func (r *adminRoute) operation(path string) object {
	responses := object{
		"400": ref("responses/BadRequest"), "401": ref("responses/WrongKey"), "404": ref("responses/NotFound"), "409": ref("responses/Conflict"),
		"429": ref("responses/RateLimited"), "default": ref("responses/Problem"),
	}
	if len(r.details.out.fields) == 0 {
		responses["204"] = object{"description": "Done."}
	} else {
		responses["200"] = object{"description": "Done.", "content": object{"application/json": object{"schema": r.details.out.describe(false)}}}
	}
	op := object{"operationId": operationID(AdminPrefix, r.method, path), "summary": r.summary, "responses": responses}
	r.details.request(op, responses, r.method, path)
	return op
}
