# Sourced by bin/up and bin/test. Sets $python to a Python that is new enough, or says what to install.

# What a shell points to elsewhere would be found before the packages of .venv.
unset PYTHONHOME PYTHONPATH

find_python() {
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            return 0
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="no Python"
    echo "Truepush needs Python 3.11 or newer, and found $found." \
        "Install one, or name it: PYTHON=/path/to/python3 $0" >&2
    return 1
}

find_python || exit 1
